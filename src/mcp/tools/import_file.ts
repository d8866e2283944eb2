import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";
import { answerWithin } from "../answer_within.ts";
import { pathSchema } from "../file_path.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";
import { requireExchange, withProgress } from "../transfer.ts";

/** Copies a file from the exchange folder into a sandbox. */
export const tool: Tool = defineTool({
  toolset: "exchange",
  define: () => ({
    name: "import_file",
    title: "Import a file",
    description:
      "Copies a file from the exchange folder, where the user puts files, into a sandbox. Its content does not pass through the conversation, " +
      "so it may be large.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      name: pathSchema("The file's name in the exchange folder, without a folder."),
      path: pathSchema("Where in /workspace it goes. Default: the same name.").optional(),
      overwrite: z.boolean().optional().describe("Whether a file may be replaced. Default: false."),
    }),
  }),
  async handle({ sandbox_id, name, path = name, overwrite = false }, context) {
    const { sandboxes, limits: { cellTimeoutMs: timeoutMs } } = context.services;
    const folder = requireExchange(context.services);
    const sandbox = sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "import_file",
      source: `import_file ${shownPath(name)} → ${shownPath(path)}`,
      timeoutMs,
      work: async (run) => {
        await using file = await folder.openFile(name);
        const written = sandbox.files.write(
          path,
          withProgress(file.bytes(), file.size, run),
          { overwrite, size: file.size },
          { deadlineMs: timeoutMs, signal: run.signal },
        );
        const { size, replaced } = await written.catch((error: unknown) => {
          if (!(error instanceof OmcpError) || error.details.agent_code !== "workspace_full") throw error;
          throw error.with({
            next: "Delete files that are not needed with delete_file, or ask the user for a smaller file.",
          });
        });
        return {
          kind: "text",
          text: `Imported ${shownPath(name)} (${counted(size, "byte")}) to ${shownPath(path)}: ${
            replaced ? "it replaced a file of that name" : "a new file"
          }.`,
          bytes: size,
        };
      },
    });
  },
});
