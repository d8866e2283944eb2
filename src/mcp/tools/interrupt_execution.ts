import * as z from "zod";
import { within } from "../../lib/async/deadline.ts";
import { Execution } from "../../sandbox/mod.ts";
import { executionIdSchema } from "../execution_id.ts";
import { executionResult, recordResult } from "../execution_text.ts";
import { textResult } from "../results.ts";
import { defineTool, type Tool } from "../tool.ts";

/** How long the call waits for the execution's end; the execution may end later. */
const INTERRUPT_MS = 2000;

/** Interrupts an execution. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "interrupt_execution",
    title: "Interrupt an execution",
    description:
      "Interrupts an execution, running or queued, as a timeout does: a cell's variables are kept if it ends in time. Returns its state, also if it had " +
      "already ended.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({ execution_id: executionIdSchema }),
  }),
  async handle({ execution_id }, context) {
    const { sandboxes, limits } = context.services;
    const found = sandboxes.findExecution(execution_id, context.principal.id);
    if (!(found instanceof Execution)) return recordResult(found);
    context.note({
      execution: found.id,
      ...(found.sandboxId === undefined ? {} : { sandbox: found.sandboxId }),
    });
    const first = found.interrupt();
    await within(found.settled, INTERRUPT_MS);
    context.note({ status: found.state });
    if (!found.isEnded) {
      return textResult(`Execution ${execution_id} is being interrupted; get_execution returns its end.`);
    }
    // The execution's failure is not a failure of this call.
    const { isError: _, ...shown } = executionResult(found, {
      characters: limits.outputBytes,
      notes: [first ? `[interrupted ${execution_id}]` : `[${execution_id} had ended: ${found.state}]`],
    });
    return shown;
  },
});
