/** Which groups of tools the operator wants, and which a server offers. */
import * as z from "zod";
import { closestNames } from "../lib/closest_names.ts";
import type { CdmService } from "../mcp/tool.ts";
import { type Toolset, TOOLSETS, type ToolVariant } from "../mcp/variant.ts";
import { DEFAULT_CDM_VERSION } from "../omop/cdm/mod.ts";

/** Names separated by commas; none: all that apply. The message of an unknown one has the closest that exists, and not the name itself. */
export const toolsetsSchema = z.string().transform((text, context): readonly Toolset[] => {
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.find((name) => !isToolset(name));
  if (unknown !== undefined) {
    const [meant] = closestNames(unknown, TOOLSETS, 1);
    const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
    context.addIssue({
      code: "custom",
      message: `must be names of ${TOOLSETS.join(", ")}, separated by commas${hint}`,
    });
  }
  return names.filter(isToolset);
});

function isToolset(name: string): name is Toolset {
  return TOOLSETS.some((each) => each === name);
}

/** What the configuration has of the things that toolsets are about: the setting that would add it, or undefined where it is there. */
export type MissingFor = Readonly<Partial<Record<Toolset, string | undefined>>>;

/**
 * Checks that a server can offer what the operator names: a tool that is missing would surprise later.
 *
 * @param named The toolsets; none: all that apply.
 * @param missing Toolset → what the settings lack for it.
 * @returns A sentence for each that does not apply.
 */
export function toolsetProblems(named: readonly Toolset[], missing: MissingFor): string[] {
  return named.flatMap((name) => {
    const lacks = missing[name];
    return lacks === undefined ? [] : [`OMCP_TOOLSETS names ${name}, which needs ${lacks}`];
  });
}

/**
 * Whether the operator wants a toolset.
 *
 * @param named The toolsets of the setting; none: all that apply.
 * @param toolset The toolset.
 */
export function wantsToolset(named: readonly Toolset[], toolset: Toolset): boolean {
  return toolset === "core" || named.length === 0 || named.includes(toolset);
}

/** What else decides which tools a server offers. */
interface Offered {
  /** Whether packages may be installed. */
  readonly packages: boolean;
  /** Whether an exchange folder is configured. */
  readonly exchange: boolean;
  /** Those that the operator names; none: all that apply. */
  readonly toolsets: readonly Toolset[];
}

/**
 * Which tools a server with this database offers.
 *
 * @param cdm The database; undefined where none is configured.
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
