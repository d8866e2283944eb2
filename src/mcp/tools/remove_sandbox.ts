import * as z from "zod";
import type { SandboxManager } from "../../sandbox/manager.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/**
 * The tool that removes a sandbox.
 *
 * @param sandboxes Where sandboxes live.
 */
export function removeSandboxTool(sandboxes: SandboxManager): Tool {
  return defineTool({
    name: "remove_sandbox",
    title: "Remove a sandbox",
    description:
      "Removes a sandbox with all its variables and files. Refuses while a cell runs, unless force is true.",
    // Idempotent as MCP means it: to repeat the call has no further effect, though it is told sandbox_not_found.
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      force: z.boolean().optional().describe("Remove it even while a cell runs. Default: false."),
    }),
    async run({ sandbox_id, force }) {
      const { gone, problem } = await sandboxes.remove(sandbox_id, force ?? false);
      if (gone) return textResult(`Removed sandbox ${sandbox_id}.`);
      return textResult(
        `Sandbox ${sandbox_id} is being removed, but the engine has not confirmed it yet${
          problem === undefined ? "" : ` (last attempt: ${problem})`
        }.\nThe server tries until it is gone; nothing need be done. Until then list_sandboxes shows it as removing and it counts as a sandbox.`,
      );
    },
  });
}
