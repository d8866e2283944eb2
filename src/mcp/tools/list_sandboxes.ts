import * as z from "zod";
import { counted } from "../../lib/counted.ts";
import type { PoolInfo } from "../../sandbox/mod.ts";
import { textResult } from "../results.ts";
import { askedPhrases, type SandboxView, sandboxView } from "../sandbox_view.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Lists sandboxes. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "list_sandboxes",
    title: "List sandboxes",
    description:
      "Lists the sandboxes of this server with their state (idle, busy, removing) and the times of their creation, last use and end, and the memory, CPUs and image that were asked for.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      include_inactive: z.boolean().optional().describe(
        "Also list sandboxes that ended recently (removed, expired, lost), each with the reason. Default: false.",
      ),
    }),
  }),
  handle({ include_inactive }, { services: { sandboxes } }) {
    const views = sandboxes.list(include_inactive ?? false).map(sandboxView);
    const count = counted(views.length, "sandbox", "sandboxes");
    const lines = views.length === 0 ? ["There are no sandboxes."] : [`${count}:`, ...views.map(line)];
    return Promise.resolve(textResult([...lines, ...poolLines(sandboxes.pool)].join("\n")));
  },
});

/** Nothing before the first creation, which fills the pool. */
function poolLines({ size, ready, creations, hits }: PoolInfo): string[] {
  if (size === 0 || creations === 0) return [];
  return [
    `${ready} of ${counted(size, "further sandbox", "further sandboxes")} ${
      size === 1 ? "is" : "are"
    } ready for the next create_sandbox; ${hits} of ${counted(creations, "creation")} had one.`,
  ];
}

function line(view: SandboxView): string {
  const parts = [
    view.sandbox_id,
    view.state,
    counted(view.cells, "cell"),
    `created ${view.created_at}`,
    `last used ${view.last_used_at}`,
    `idle timeout ${view.idle_timeout} s`,
    ...askedPhrases(view),
  ];
  if (view.idle_until !== undefined) parts.push(`idle until ${view.idle_until}`);
  parts.push(view.reason === undefined ? `ends at ${view.ends_at}` : `(${view.reason})`);
  return parts.join("  ");
}
