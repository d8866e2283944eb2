import { OmcpError } from "../errors.ts";
import type { ExecutionRun } from "../sandbox/mod.ts";
import type { CdmService, ToolContext } from "./tool.ts";

/**
 * The database of a call, found and with its version known.
 *
 * @param context The call.
 * @returns The database.
 * @throws {OmcpError} Why it cannot be found; `internal` if a tool is offered that needs a database and there is none.
 */
export async function cdmOf(context: ToolContext): Promise<CdmService> {
  const { cdm } = context.services;
  if (cdm === undefined) throw new OmcpError("internal", "The tool is offered without a database");
  if (cdm.away) await cdm.look(context.signal);
  return cdm;
}

/**
 * Waits in an execution until the database can be used.
 *
 * @param cdm The database.
 * @param run The execution.
 * @param ms The longest wait, in milliseconds.
 * @throws {OmcpError} Why it cannot be used.
 */
export async function databaseReady(
  cdm: Pick<CdmService, "ready">,
  run: Pick<ExecutionRun, "signal" | "progress">,
  ms: number,
): Promise<void> {
  run.progress("waiting for the database");
  await cdm.ready(AbortSignal.any([run.signal, AbortSignal.timeout(ms)]));
}
