/** Provides an engine with this program's images: pulls, loads or builds what is missing. It is loaded only where something is missing. */
export { BASE_IMAGE, type BaseImageOptions, type Bootstrap, ensureBaseImage } from "./base_image.ts";
export { sampleHash } from "./build.ts";
export { ensureImages, type EnsureImagesOptions } from "./ensure_images.ts";
export { type Progress, ProgressDigest, stderrProgress } from "./progress.ts";
export { type RemovedImages, removeImages, superseded } from "./prune.ts";
export type { TextFile } from "../images/files.ts";
export { IMAGE_KINDS, type ImageKind } from "../images/kinds.ts";
export type { ImageSource } from "../images/source.ts";
export { generateSample, sampleFingerprint } from "./sample_files.ts";
