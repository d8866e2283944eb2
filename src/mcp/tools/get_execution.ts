import * as z from "zod";
import { Execution } from "../../sandbox/mod.ts";
import { clampedWait, waitFor } from "../answer_within.ts";
import { executionIdSchema } from "../execution_id.ts";
import { executionResult, recordResult } from "../execution_text.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Waits for an execution, and returns what is new. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: (_variant, { waitMs }) => ({
    name: "get_execution",
    title: "Get an execution",
    description:
      "Waits for an execution that an earlier call started, and returns its result or, while it runs, its output. A running answer names the " +
      "`since` for the next call, which then returns only what is new. Ending the wait does not end the execution.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      execution_id: executionIdSchema,
      wait: z.number().min(0).optional().describe(
        `Seconds to wait for its end, at most ${waitMs / 1000}; 0 does not wait. Default: ${waitMs / 1000}.`,
      ),
      since: z.number().int().min(0).optional().describe(
        "Return only the output after this position, as an earlier answer named it; 0: from the beginning, in parts.",
      ),
    }),
  }),
  async handle({ execution_id, wait, since }, context) {
    const { sandboxes, limits } = context.services;
    const found = sandboxes.findExecution(execution_id, context.principal.id);
    if (!(found instanceof Execution)) return recordResult(found);
    context.note({
      execution: found.id,
      ...(found.sandboxId === undefined ? {} : { sandbox: found.sandboxId }),
    });
    const { waitMs, notes } = clampedWait(context, { wait });
    await waitFor(context, found, waitMs);
    context.note({ status: found.state });
    return executionResult(found, { characters: limits.outputBytes, since, notes });
  },
});
