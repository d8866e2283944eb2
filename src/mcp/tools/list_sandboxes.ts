import * as z from "zod";
import type { SandboxManager } from "../../sandbox/manager.ts";
import { textResult } from "../results.ts";
import { type SandboxView, sandboxView } from "../sandbox_view.ts";
import { defineTool, type Tool } from "../tool.ts";

/**
 * The tool that lists sandboxes.
 *
 * @param sandboxes Where sandboxes live.
 */
export function listSandboxesTool(sandboxes: SandboxManager): Tool {
  return defineTool({
    name: "list_sandboxes",
    title: "List sandboxes",
    description:
      "Lists the sandboxes of this server with their state (idle, busy, removing), age and remaining life.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      include_inactive: z.boolean().optional().describe(
        "Also those that ended lately (removed, expired, lost), each with the reason. Default: false.",
      ),
    }),
    run({ include_inactive }) {
      const views = sandboxes.list(include_inactive ?? false).map(sandboxView);
      const lines = views.map(line);
      const count = `${views.length} sandbox${views.length === 1 ? "" : "es"}`;
      return Promise.resolve(
        textResult(views.length === 0 ? "There are no sandboxes." : [`${count}:`, ...lines].join("\n")),
      );
    },
  });
}

function line(view: SandboxView): string {
  const parts = [
    view.sandbox_id,
    view.state,
    `${view.cells} cells`,
    `created ${view.created_at}`,
    `last used ${view.last_used_at}`,
    `timeout ${view.timeout} s`,
  ];
  if (view.idle_until !== undefined) parts.push(`idle until ${view.idle_until}`);
  parts.push(view.reason === undefined ? `ends at ${view.ends_at}` : `(${view.reason})`);
  return parts.join("  ");
}
