import * as z from "zod";
import { counted } from "../../lib/counted.ts";
import { auditedFileCall } from "../audited_file_call.ts";
import { pathSchema } from "../file_path.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Deletes a file or a folder. */
export const tool: Tool = defineTool({
  toolset: "files",
  define: () => ({
    name: "delete_file",
    title: "Delete a file",
    description: "Deletes a file or folder of a sandbox. Of a symbolic link, it deletes the link itself.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      path: pathSchema("Relative to /workspace, or absolute below it."),
      recursive: z.boolean().optional().describe(
        "Whether to delete a folder with all that is in it. Default: false.",
      ),
    }),
  }),
  async handle({ sandbox_id, path, recursive }, { services, principal, signal }) {
    const { files } = services.sandboxes.get(sandbox_id);
    const facts = {
      principal: principal.id,
      sandbox: sandbox_id,
      tool: "delete_file",
      source: `delete ${path}`,
    };
    const { removed } = await auditedFileCall(
      services.audit,
      facts,
      () => files.remove(path, { recursive: recursive ?? false }, { signal }),
      () => 0,
    );
    const content = removed === 1
      ? ""
      : `, with ${counted(removed - 1, "file or folder", "files and folders")} in it`;
    return textResult(`Deleted ${shownPath(path)}${content}.`);
  },
});
