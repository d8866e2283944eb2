/** The tools that a server of a variant offers. */
import type { OfferedTool } from "./tool.ts";
import { TOOLS } from "./tool_index.ts";
import type { QuotedSettings, ToolVariant } from "./variant.ts";

/**
 * Chooses the tools and defines them. Pure.
 *
 * @param variant What the server offers.
 * @param settings What definitions quote.
 * @returns The tools, in the order that clients list.
 */
export function offeredTools(variant: ToolVariant, settings: QuotedSettings): OfferedTool[] {
  return TOOLS.filter(({ toolset, disclosure = variant.disclosure }) =>
    variant.toolsets.includes(toolset) && disclosure === variant.disclosure
  )
    .map((tool) => tool.offer(variant, settings));
}
