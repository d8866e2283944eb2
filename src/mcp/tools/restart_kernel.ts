import * as z from "zod";
import { DEFAULT_CONTEXT } from "../../agent_protocol/messages/mod.ts";
import { counted } from "../../lib/counted.ts";
import { answerWithin } from "../answer_within.ts";
import { contextArgument } from "../context_argument.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Longer than a kernel takes to start on a busy machine. */
const TIMEOUT_MS = 90_000;

/** Restarts a sandbox's kernel. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "restart_kernel",
    title: "Restart the kernel",
    description:
      "Interrupts the cells of a context that run or wait, and starts a new Python process. Its variables, imports and processes that cells " +
      "left running are lost; files in /workspace and other contexts are kept. With remove, the context ends.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      context: contextArgument("Which one."),
      remove: z.boolean().optional().describe(
        "End the context instead of restarting it; not for default. Default: false.",
      ),
    }),
  }),
  async handle({ sandbox_id, context: name = DEFAULT_CONTEXT, remove = false }, context) {
    const of = name === DEFAULT_CONTEXT ? "the kernel" : `context ${name}`;
    const done = `${remove ? "Removed" : "Restarted"} ${of}`;
    const sandbox = context.services.sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "restart_kernel",
      source: "restart_kernel",
      timeoutMs: TIMEOUT_MS,
      work: async (run) => {
        run.progress("waiting for the interrupted cells to end");
        const interrupted = await sandbox.restartKernel({
          context: name,
          remove,
          signal: run.signal,
          onStarted: () => run.progress(remove ? "ending the context" : "starting a new kernel"),
        });
        return {
          kind: "text",
          text:
            `${done} of sandbox ${sandbox_id}: its variables are lost, files in /workspace remain. Interrupted ${
              counted(interrupted, "execution")
            }.`,
        };
      },
    });
  },
});
