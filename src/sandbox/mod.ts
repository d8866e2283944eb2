/** Sandboxes: confined containers whose kernel runs cells. */
export type { Clock } from "../lib/clock.ts";
export { checkDatasets, type DatasetCheckOptions } from "./dataset_check.ts";
export { type Dataset, datasetPath, DATASETS_FOLDER } from "./datasets.ts";
export type { SandboxEnd } from "./endings.ts";
export type { Eviction } from "./eviction.ts";
export type { SandboxSettings } from "./factory.ts";
export type { ExecuteOptions } from "./execution.ts";
export type { FileCall, FileContent, SandboxFiles } from "./files/files.ts";
export {
  type CreateOptions,
  type RemovalResult,
  SandboxManager,
  type SandboxManagerOptions,
} from "./manager.ts";
export type { ExecutionOutcome } from "./outcome.ts";
export { SANDBOX_UIDS } from "./own_uid.ts";
export { checkPolicy, DEFAULT_POLICY, type SandboxPolicy, TMPFS_MOUNTS, type TmpfsPolicy } from "./policy.ts";
export { Sandbox, type SandboxInfo, type SandboxParts, type SandboxState } from "./sandbox.ts";
