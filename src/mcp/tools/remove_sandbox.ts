import * as z from "zod";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Removes a sandbox. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "remove_sandbox",
    title: "Remove a sandbox",
    description:
      "Removes a sandbox with all its variables and files. Refuses while anything runs in it (cells, installations, transfers), unless force is true.",
    // Idempotent in MCP's sense: a repeated call has no further effect, although it returns sandbox_not_found.
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      force: z.boolean().optional().describe("Remove it even while something runs. Default: false."),
    }),
  }),
  async handle({ sandbox_id, force = false }, { services: { sandboxes, limits: { waitMs } } }) {
    const { removed, problem } = await sandboxes.remove(sandbox_id, { force, waitMs });
    if (removed) return textResult(`Removed sandbox ${sandbox_id}.`);
    const last = problem === undefined ? "" : ` (last attempt: ${problem})`;
    return textResult(
      `The server is removing sandbox ${sandbox_id}; the engine has not confirmed it yet${last}.\n` +
        "The server retries until the container is removed; no action is needed. Until then list_sandboxes shows the sandbox as removing, and it counts towards the maximum.",
    );
  },
});
