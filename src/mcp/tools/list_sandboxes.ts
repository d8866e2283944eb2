import * as z from "zod";
import { counted } from "../../lib/counted.ts";
import type { ExecutionRecord, PoolInfo } from "../../sandbox/mod.ts";
import { recordLine } from "../execution_text.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { askedPhrases, type SandboxView, sandboxView } from "../sandbox_view.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Most executions in one list. */
const MAX_EXECUTIONS = 50;

/** Lists sandboxes, or the executions of one. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "list_sandboxes",
    title: "List sandboxes",
    description:
      "Lists the sandboxes of this server with their state (idle, busy, removing) and the times of their creation, last use and end, and the " +
      `memory, CPUs and image that were asked for. With sandbox_id: the latest executions of that sandbox instead (at most ${MAX_EXECUTIONS}), ` +
      "running and ended: execution_id, tool, state, times, size of the output, beginning of the source.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema.optional(),
      include_inactive: z.boolean().optional().describe(
        "Also list sandboxes that ended recently (removed, expired, lost), each with the reason. Default: false.",
      ),
    }),
  }),
  handle({ sandbox_id, include_inactive }, { services: { sandboxes }, principal }) {
    if (sandbox_id !== undefined) {
      const all = sandboxes.get(sandbox_id).executions.list();
      const own = all.filter(({ owner }) => owner === principal.id);
      return Promise.resolve(textResult(executionLines(own).join("\n")));
    }
    const views = sandboxes.list(include_inactive ?? false).map(sandboxView);
    const count = counted(views.length, "sandbox", "sandboxes");
    const lines = views.length === 0 ? ["There are no sandboxes."] : [`${count}:`, ...views.map(line)];
    return Promise.resolve(textResult([...lines, ...poolLines(sandboxes.pool)].join("\n")));
  },
});

function executionLines(own: readonly ExecutionRecord[]): readonly string[] {
  if (own.length === 0) return ["There are no executions."];
  const listed = own.slice(-MAX_EXECUTIONS);
  const head = listed.length === own.length
    ? `${counted(own.length, "execution")}, oldest first:`
    : `The latest ${listed.length} of ${counted(own.length, "execution")}, oldest first:`;
  return [head, ...listed.map(recordLine)];
}

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
