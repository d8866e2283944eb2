import * as z from "zod";
import { DEFAULT_CONTEXT } from "../../agent_protocol/messages/mod.ts";
import { counted } from "../../lib/counted.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { auditedFileCall } from "../audited_file_call.ts";
import { pathSchema } from "../file_path.ts";
import { notebookUri } from "../file_uri.ts";
import { NOTEBOOK_TYPE } from "../notebook/format.ts";
import { sandboxNotebook } from "../notebook/sandbox_notebook.ts";
import { textResult } from "../results.ts";
import { contextArgument } from "../context_argument.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";
import { requireExchange } from "../transfer.ts";

const DEFAULT_PATH = "notebook.ipynb";

const input = z.strictObject({
  sandbox_id: sandboxIdSchema,
  path: pathSchema(
    `Where to write it, relative to /workspace or absolute below it. Default: ${DEFAULT_PATH}.`,
  )
    .optional(),
  context: contextArgument("Whose cells."),
  overwrite: z.boolean().optional().describe("Whether a file of that name may be replaced. Default: false."),
});

const exchangeInput = input.extend({
  name: pathSchema(
    "Its name in the exchange folder, to write it there for the user and not into the sandbox.",
  ).optional(),
});

/** Writes what was executed in a sandbox as a notebook. */
export const tool: Tool = defineTool({
  toolset: "files",
  define: ({ toolsets }) => ({
    name: "export_notebook",
    title: "Export a notebook",
    description:
      "Writes what was executed in a context of a sandbox as a Jupyter notebook (nbformat 4.5): each cell with its source, outputs, images and errors, and " +
      "queries that left a DataFrame as Python; other calls are text. Cells state what is no longer kept. It runs again from the top, except what used the " +
      "DataFrame of a call that is text: cells that timed out or were interrupted are commented out.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    input: toolsets.includes("exchange") ? exchangeInput : input,
  }),
  async handle(
    { sandbox_id, path = DEFAULT_PATH, overwrite = false, context, ...rest },
    { services, principal, signal },
  ) {
    const sandbox = services.sandboxes.get(sandbox_id);
    const { bytes, codeCells, incomplete } = sandboxNotebook(sandbox, principal, context);
    const options = { size: bytes.length, overwrite };
    const name = "name" in rest && typeof rest.name === "string" ? rest.name : undefined;
    const facts = {
      principal: principal.id,
      sandbox: sandbox_id,
      tool: "export_notebook",
      source: `export_notebook ${name ?? path}`,
    };
    const { replaced } = await auditedFileCall(
      services.audit,
      facts,
      () =>
        name === undefined
          ? sandbox.files.write(path, [bytes], options, { signal })
          : requireExchange(services).writeFile(name, options, (file) => file.write(bytes)),
      () => bytes.length,
    );
    const where = name === undefined ? shownPath(path) : `${shownPath(name)} in the exchange folder`;
    const missing = incomplete === 0
      ? ""
      : ` ${counted(incomplete, "cell")} ${
        incomplete === 1 ? "lacks" : "lack"
      } something that is no longer kept; each says what.`;
    const result = textResult(
      `Wrote a notebook with ${counted(codeCells, "code cell")} (${
        counted(bytes.length, "byte")
      }) to ${where}: ${replaced ? "it replaced a file of that name" : "a new file"}.${missing}`,
    );
    // The resource is the default context's notebook, as it is when it is read; of others there is the file.
    if (context !== undefined && context !== DEFAULT_CONTEXT) return result;
    const link = {
      type: "resource_link" as const,
      uri: notebookUri(sandbox_id),
      name: "notebook.ipynb",
      mimeType: NOTEBOOK_TYPE,
    };
    return { ...result, content: [...result.content, link] };
  },
});
