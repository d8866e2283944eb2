/** Sandboxes: confined containers whose kernel runs cells. */
export type { ContextInfo } from "./contexts/contexts.ts";
export type { Clock } from "../lib/clock.ts";
export type { CreateOptions } from "./creator.ts";
export { checkDatasets, type DatasetCheckOptions } from "./dataset_check.ts";
export { type Dataset, datasetPath, DATASETS_FOLDER } from "./datasets.ts";
export type { SandboxEnd } from "./endings.ts";
export type { Eviction } from "./eviction.ts";
export type { SandboxSettings } from "./factory.ts";
export type { FileCall, FileContent, SandboxFiles } from "./files/files.ts";
export { answerOf } from "./executions/answer.ts";
export { Execution } from "./executions/execution.ts";
export {
  type ExecutionResult,
  type ExecutionRun,
  type ExecutionSpec,
  newExecutionId,
  type NotebookSource,
} from "./executions/execution_spec.ts";
export { afterInterrupt, cancelledError } from "./executions/cell_errors.ts";
export { type ExecutionOutcome } from "./executions/outcome.ts";
export type { OutputPage } from "./executions/output_log.ts";
export type { ExecutionRecord, ExecutionState } from "./executions/record.ts";
export { type ExecuteOptions, sentAtOnce } from "./executions/run_cell.ts";
export type { PoolInfo } from "./pool.ts";
export { ExecutionStore, type PastExecution } from "./executions/store.ts";
export { type RemovalResult, SandboxManager, type SandboxManagerOptions } from "./manager.ts";
export * from "./packages/mod.ts";
export { SANDBOX_UIDS } from "./own_uid.ts";
export {
  checkPolicy,
  DEFAULT_POLICY,
  type PolicySettings,
  type SandboxPolicy,
  scaledPolicy,
  sizedPolicy,
  TMPFS_MOUNTS,
  type TmpfsPolicy,
} from "./policy.ts";
export { type ResourceBounds, resourceBounds, type ResourceMaximum } from "./resources.ts";
export { Sandbox, type SandboxParts } from "./sandbox.ts";
export type { AskedResources, SandboxInfo, SandboxState } from "./sandbox_info.ts";
