import * as z from "zod";
import { counted } from "../../lib/counted.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Lists the contexts of a sandbox. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "list_contexts",
    title: "List contexts",
    description:
      "Lists the interpreters of a sandbox by name, each with variables of its own: state (starting, idle, busy, dead), cells run, processes " +
      "that cells left running.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({ sandbox_id: sandboxIdSchema }),
  }),
  async handle({ sandbox_id }, { services: { sandboxes }, signal }) {
    const contexts = await sandboxes.get(sandbox_id).listContexts(signal);
    const lines = contexts.map(({ name, state, cells, backgroundProcesses }) =>
      [
        name,
        state,
        counted(cells, "cell"),
        counted(backgroundProcesses, "background process", "background processes"),
      ].join("  ")
    );
    return textResult([`${counted(contexts.length, "context")}:`, ...lines].join("\n"));
  },
});
