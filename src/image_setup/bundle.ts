/** Archives with program and images, for machines that reach no registry. */
export { loadBundledImages, type LoadOptions } from "./load.ts";
export { type VerifiedBundle, verifyBundle } from "./verify_bundle.ts";
export { type ProgramFile, writeBundle, type WriteBundleOptions } from "./write_bundle.ts";
