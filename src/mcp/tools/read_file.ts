import * as z from "zod";
import { auditedFileCall } from "../audited_file_call.ts";
import { pathSchema } from "../file_path.ts";
import { fileView, shownBytes } from "../file_view.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Reads a file. */
export const tool: Tool = defineTool({
  toolset: "files",
  define: () => ({
    name: "read_file",
    title: "Read a file",
    description:
      "Reads a file of a sandbox, also while a cell runs: text, a picture, or bytes as base64. A long file comes in pieces; the result says " +
      "how to continue. Paths are under /workspace; saved output of cells is under /outputs. Symbolic links are not followed.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      path: pathSchema("Relative to /workspace, or absolute."),
      offset: z.int().optional().describe(
        "The first byte; a negative one counts from the end. Default: 0.",
      ),
      limit: z.int().min(1).optional().describe(
        "The most bytes. With it, a binary file comes as base64. Default: what a result can hold.",
      ),
    }),
  }),
  async handle({ sandbox_id, path, offset, limit }, { services, principal, signal }) {
    const { files } = services.sandboxes.get(sandbox_id);
    const facts = { principal: principal.id, sandbox: sandbox_id, tool: "read_file", source: `read ${path}` };
    const options = { characters: services.limits.outputBytes, signal };
    return await auditedFileCall(
      services.audit,
      facts,
      () => fileView(files, { path, offset, limit }, options),
      shownBytes,
    );
  },
});
