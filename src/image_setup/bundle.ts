/** Archives with program and images, for machines that reach no registry. */
export { damaged } from "./tar_reader.ts";
export { loadBundledImages, type LoadOptions } from "./load.ts";
export { type VerifiedBundle, verifyBundle } from "./verify_bundle.ts";
export { type ProgramFile, writeBundle, type WriteBundleOptions } from "./write_bundle.ts";
