/** Which groups of tools the operator wants. */
import * as z from "zod";
import { closestNames } from "../lib/closest_names.ts";
import { type Toolset, TOOLSETS } from "../mcp/toolsets.ts";

/** Names separated by commas; empty: all that apply. The message about an unknown name suggests the closest existing one and does not repeat the unknown one. */
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

/** Toolset → the setting that the configuration lacks for it; undefined if it lacks none. */
export type MissingFor = Readonly<Partial<Record<Toolset, string | undefined>>>;

/**
 * Checks that a server can offer what the operator names: a tool that is missing would surprise later.
 *
 * @param named The toolsets; empty: all that apply.
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
 * @param named The toolsets of the setting; empty: all that apply.
 * @param toolset The toolset.
 */
export function wantsToolset(named: readonly Toolset[], toolset: Toolset): boolean {
  return toolset === "core" || named.length === 0 || named.includes(toolset);
}
