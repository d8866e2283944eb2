/** A line in the audit for a call about files: data can leave a sandbox, or enter it, without a cell. */
import { newExecutionId } from "../sandbox/mod.ts";
import type { ToolServices } from "./tool.ts";

/** Who does what; see `ExecutionFacts`. */
export interface FileCallFacts {
  readonly principal: string;
  readonly sandbox: string;
  readonly tool: string;
  /** What is done, with the path; the audit has it only where the operator asks for sources. */
  readonly source: string;
}

/**
 * Does something with files, and records it.
 *
 * @param audit The audit.
 * @param facts See {@link FileCallFacts}.
 * @param work What is done.
 * @param bytesOf How many bytes of a file it moved.
 * @returns What `work` returns; what it throws is recorded, too.
 */
export async function auditedFileCall<T>(
  audit: ToolServices["audit"],
  facts: FileCallFacts,
  work: () => Promise<T>,
  bytesOf: (value: T) => number,
): Promise<T> {
  return await audit.execution(
    { execution: newExecutionId(), ...facts, usesKernel: false },
    work,
    (value) => ({ status: "ok", bytes: bytesOf(value) }),
  );
}
