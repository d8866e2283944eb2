import * as z from "zod";
import { counted } from "../../lib/counted.ts";
import { auditedFileCall } from "../audited_file_call.ts";
import { fileContent } from "../file_content.ts";
import { pathSchema } from "../file_path.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Writes a file. */
export const tool: Tool = defineTool({
  toolset: "files",
  define: () => ({
    name: "write_file",
    title: "Write a file",
    description:
      "Writes a file of a sandbox, also while a cell runs, and creates missing folders. It replaces a file of that name, all at once: code " +
      "never sees half of it. A call has at most 8 MiB (6 MB of bytes as base64): write a larger file in parts and join them in a cell.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      path: pathSchema("Relative to /workspace, or absolute below it."),
      text: z.string().optional().describe("The content, written as UTF-8. Pass either text or base64."),
      base64: z.string().optional().describe("The content of a binary file."),
      overwrite: z.boolean().optional().describe(
        "Whether a file of that name may be replaced. Default: true.",
      ),
    }),
  }),
  async handle({ sandbox_id, path, text, base64, overwrite }, { services, principal, signal }) {
    const { files } = services.sandboxes.get(sandbox_id);
    const bytes = fileContent(text, base64);
    const facts = {
      principal: principal.id,
      sandbox: sandbox_id,
      tool: "write_file",
      source: `write ${path}`,
    };
    const options = { overwrite: overwrite ?? true, size: bytes.length };
    const { size, replaced } = await auditedFileCall(
      services.audit,
      facts,
      () => files.write(path, [bytes], options, { signal }),
      ({ size }) => size,
    );
    const how = replaced ? "it replaced a file of that name" : "a new file";
    return textResult(`Wrote ${counted(size, "byte")} to ${shownPath(path)}: ${how}.`);
  },
});
