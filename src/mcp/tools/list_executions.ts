import * as z from "zod";
import { counted } from "../../lib/counted.ts";
import { recordLine } from "../execution_text.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Most executions in one list. */
const MAX_LISTED = 50;

/** Lists the executions of a sandbox. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "list_executions",
    title: "List executions",
    description:
      `Lists the latest executions of a sandbox (at most ${MAX_LISTED}), running and ended: execution_id, tool, state, times, size of the output, ` +
      "beginning of the source.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({ sandbox_id: sandboxIdSchema }),
  }),
  handle({ sandbox_id }, { services: { sandboxes }, principal }) {
    const own = sandboxes.get(sandbox_id).executions.list().filter(({ owner }) => owner === principal.id);
    if (own.length === 0) return Promise.resolve(textResult("There are no executions."));
    const listed = own.slice(-MAX_LISTED);
    const earlier = own.length - listed.length;
    const head = earlier === 0
      ? `${counted(own.length, "execution")}, oldest first:`
      : `The latest ${listed.length} of ${counted(own.length, "execution")}, oldest first:`;
    return Promise.resolve(textResult([head, ...listed.map(recordLine)].join("\n")));
  },
});
