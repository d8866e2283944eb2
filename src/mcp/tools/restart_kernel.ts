import * as z from "zod";
import { counted } from "../../lib/counted.ts";
import { answerWithin } from "../answer_within.ts";
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
      "Interrupts the cells of a sandbox that run or wait, and starts a new Python process. Variables, imports and processes that cells " +
      "left running are lost; files in /workspace are kept.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({ sandbox_id: sandboxIdSchema }),
  }),
  async handle({ sandbox_id }, context) {
    const sandbox = context.services.sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "restart_kernel",
      source: "restart_kernel",
      timeoutMs: TIMEOUT_MS,
      work: async (run) => {
        run.progress("waiting for the interrupted cells to end");
        const interrupted = await sandbox.restartKernel({
          signal: run.signal,
          onStarted: () => run.progress("starting a new kernel"),
        });
        return {
          kind: "text",
          text:
            `Restarted the kernel of sandbox ${sandbox_id}: variables are lost, files in /workspace remain. ` +
            `Interrupted ${counted(interrupted, "execution")}.`,
        };
      },
    });
  },
});
