/** Which tools a server offers. */
import type { CdmService } from "../mcp/tool.ts";
import { type Toolset, TOOLSETS } from "../mcp/toolsets.ts";
import type { ToolVariant } from "../mcp/variant.ts";
import { DEFAULT_CDM_VERSION } from "../omop/cdm/mod.ts";
import { wantsToolset } from "./toolsets.ts";

/** What else decides which tools a server offers. */
interface Offered {
  /** Whether packages may be installed. */
  readonly packages: boolean;
  /** Whether an exchange folder is configured. */
  readonly exchange: boolean;
  /** Those that the operator names; empty: all that apply. */
  readonly toolsets: readonly Toolset[];
}

/**
 * Which tools a server with this database offers.
 *
 * @param cdm The database; undefined if none is configured.
 * @param offered See {@link Offered}.
 */
export function toolVariant(
  cdm: Pick<CdmService, "version" | "away"> & { readonly disclosure: unknown } | undefined,
  { packages, exchange, toolsets }: Offered,
): ToolVariant {
  const applies: Readonly<Record<Toolset, boolean>> = {
    core: true,
    files: true,
    omop: cdm !== undefined,
    exchange,
    packages,
  };
  return {
    cdmVersion: cdm?.version ?? DEFAULT_CDM_VERSION,
    disclosure: cdm?.disclosure === undefined ? "open" : "aggregate",
    databaseAway: cdm?.away ?? false,
    hasDatabase: cdm !== undefined,
    toolsets: TOOLSETS.filter((name) => applies[name] && wantsToolset(toolsets, name)),
  };
}
