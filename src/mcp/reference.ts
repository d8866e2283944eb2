/** The tools as a reference in Markdown. */
import * as z from "zod";
import type { Tool } from "./tool.ts";

const schemaSchema = z.object({
  properties: z.record(
    z.string(),
    z.object({ type: z.string().optional(), description: z.string().optional() }),
  ),
  required: z.array(z.string()).optional(),
});

/**
 * @param tools The tools.
 * @returns A table with a row a tool: name, parameters (`?` marks optional ones), what it does.
 */
export function toolReference(tools: readonly Tool[]): string {
  const rows = tools.map((tool) => {
    const { properties, required = [] } = schemaSchema.parse(z.toJSONSchema(tool.input, { io: "input" }));
    const parameters = Object.keys(properties).map((name) =>
      `\`${name}${required.includes(name) ? "" : "?"}\``
    );
    return `| \`${tool.name}\` | ${parameters.join(", ")} | ${tool.description.replaceAll("|", "\\|")} |`;
  });
  return ["| tool | parameters | what it does |", "|---|---|---|", ...rows].join("\n");
}
