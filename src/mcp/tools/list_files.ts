import * as z from "zod";
import { MAX_LIST_DEPTH } from "../../agent_protocol/messages/mod.ts";
import { fileList } from "../file_list.ts";
import { pathSchema } from "../file_path.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** The most entries that a result shows. */
const MAX_SHOWN = 300;

/** Lists a folder. */
export const tool: Tool = defineTool({
  toolset: "files",
  define: () => ({
    name: "list_files",
    title: "List files",
    description:
      "Lists a folder of a sandbox, also while a cell runs: paths, sizes and times (UTC), totals, and the room that is left in /workspace.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      path: pathSchema("A folder, relative to /workspace or absolute below it. Default: /workspace.")
        .optional(),
      recursive: z.boolean().optional().describe(
        "Also what is in its folders, hidden ones excepted. Default: false.",
      ),
    }),
  }),
  async handle({ sandbox_id, path = "/workspace", recursive = false }, { services, signal }) {
    const { files } = services.sandboxes.get(sandbox_id);
    const depth = recursive ? MAX_LIST_DEPTH : 1;
    const list = await files.list(path, { depth, limit: MAX_SHOWN }, { signal });
    const space = await files.space({ signal });
    return textResult(fileList(path, list, { space, recursive, characters: services.limits.outputBytes }));
  },
});
