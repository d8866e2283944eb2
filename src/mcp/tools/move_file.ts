import * as z from "zod";
import { auditedFileCall } from "../audited_file_call.ts";
import { pathSchema } from "../file_path.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Moves a file or a folder. */
export const tool: Tool = defineTool({
  toolset: "files",
  define: () => ({
    name: "move_file",
    title: "Move a file",
    description: "Moves or renames a file or folder of a sandbox, and creates missing folders.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      path: pathSchema("Relative to /workspace, or absolute below it."),
      to: pathSchema("The new path, with its name."),
      overwrite: z.boolean().optional().describe(
        "Whether a file of that name may be replaced. Default: false.",
      ),
    }),
  }),
  async handle({ sandbox_id, path, to, overwrite }, { services, principal, signal }) {
    const { files } = services.sandboxes.get(sandbox_id);
    const source = `move ${path} to ${to}`;
    const facts = { principal: principal.id, sandbox: sandbox_id, tool: "move_file", source };
    const { replaced } = await auditedFileCall(
      services.audit,
      facts,
      () => files.move(path, to, { overwrite: overwrite ?? false }, { signal }),
      () => 0,
    );
    const how = replaced ? "; it replaced what was there" : "";
    return textResult(`Moved ${shownPath(path)} to ${shownPath(to)}${how}.`);
  },
});
