import { OmcpError } from "../errors.ts";
import type { CdmService, ToolContext } from "./tool.ts";

/**
 * The database of a call, found and with its version known.
 *
 * @param context The call.
 * @returns The database.
 * @throws {OmcpError} Why it cannot be found; `internal` where a tool is offered that needs a database and there is none.
 */
export async function cdmOf(context: ToolContext): Promise<CdmService> {
  const { cdm } = context.services;
  if (cdm === undefined) throw new OmcpError("internal", "The tool is offered without a database");
  if (cdm.away) await cdm.look(context.signal);
  return cdm;
}
