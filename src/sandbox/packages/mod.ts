/** Packages in sandboxes. */
export { loadedPackages } from "./loaded.ts";
export { type InstallOptions, type InstallResult, Packages, type PackagesOptions } from "./packages.ts";
export { MAX_REQUIREMENT_CHARACTERS, MAX_REQUIREMENTS, parseRequirements } from "./requirement.ts";
export type { PackageMode, PackageSettings, PackageSite } from "./settings.ts";
