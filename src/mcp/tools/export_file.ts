import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";
import { readableBytes } from "../../lib/text.ts";
import { answerWithin } from "../answer_within.ts";
import { pathSchema } from "../file_path.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";
import { requireExchange, withProgress } from "../transfer.ts";

/** Copies a file of a sandbox to the exchange folder. */
export const tool: Tool = defineTool({
  toolset: "exchange",
  define: () => ({
    name: "export_file",
    title: "Export a file",
    description:
      "Copies a file of a sandbox to the exchange folder, where the user finds it. Its content does not pass through the conversation, so it " +
      "may be large.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      path: pathSchema("The file in /workspace, or a saved output in /outputs."),
      name: pathSchema("Its name in the exchange folder, without a folder. Default: the path's name.")
        .optional(),
      overwrite: z.boolean().optional().describe(
        "Whether a file of the user may be replaced. Default: false.",
      ),
    }),
  }),
  async handle({ sandbox_id, path, name = baseName(path), overwrite = false }, context) {
    const { sandboxes, limits } = context.services;
    const timeoutMs = limits.cellTimeoutMs;
    const folder = requireExchange(context.services);
    const sandbox = sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "export_file",
      source: `export_file ${shownPath(path)} → ${shownPath(name)}`,
      timeoutMs,
      work: async (run) => {
        const call = { deadlineMs: timeoutMs, signal: run.signal };
        const content = await sandbox.files.read(path, { limit: Number.MAX_SAFE_INTEGER }, call);
        const { size, bytes } = content;
        try {
          if (size > limits.workspaceBytes) throw sparse(path, content.size, content.allocated);
          const { replaced } = await folder.writeFile(name, { size, overwrite }, async (file) => {
            for await (const chunk of withProgress(bytes, size, run)) await file.write(chunk);
            if (content.changed()) throw changed(path);
          });
          return {
            kind: "text",
            text: `Exported ${shownPath(path)} (${counted(size, "byte")}) to ${
              shownPath(name)
            } in the exchange folder: ${replaced ? "it replaced a file of that name" : "a new file"}.`,
            bytes: size,
          };
        } catch (error) {
          // A stream that was read to its end, or failed, is closed already.
          await bytes.cancel().catch(() => {});
          throw error;
        }
      },
    });
  },
});

/** The path's last name. For a saved output also its execution's id, because all saved outputs have the same names. */
function baseName(path: string): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return path.startsWith("/") && names[0] === "outputs"
    ? `${names.slice(1).join("-")}.txt`
    : names.at(-1) ?? "";
}

function sparse(path: string, size: number, allocated: number): OmcpError {
  return new OmcpError(
    "path_unsuitable",
    `${shownPath(path)} is larger than the workspace: ${readableBytes(size)}, of which ${
      readableBytes(allocated)
    } are stored`,
    { state: "Nothing was exported.", next: "Export a file without holes." },
  );
}

function changed(path: string): OmcpError {
  return new OmcpError("file_changed", `${shownPath(path)} was written to while it was exported`, {
    state: "Nothing was exported.",
    next: "Wait until nothing writes to it, then try again.",
  });
}
