/** Which tools a server offers. */
import type { CdmService } from "../mcp/tool.ts";
import type { ServerScope } from "../mcp/server_scope.ts";
import type { ToolVariant } from "../mcp/variant.ts";
import { DEFAULT_CDM_VERSION } from "../omop/cdm/mod.ts";

/**
 * Which tools a server with this database offers.
 *
 * @param scope What the settings decide.
 * @param cdm The database; undefined if none is configured.
 */
export function toolVariant(
  scope: ServerScope,
  cdm: Pick<CdmService, "version" | "away"> | undefined,
): ToolVariant {
  return {
    ...scope,
    cdmVersion: cdm?.version ?? DEFAULT_CDM_VERSION,
    databaseAway: cdm?.away ?? false,
  };
}
