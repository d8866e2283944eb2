/** The tools as a reference in Markdown. */
import * as z from "zod";
import type { ToolDefinition } from "./tool.ts";

const schemaSchema = z.object({
  properties: z.record(
    z.string(),
    z.object({ type: z.string().optional(), description: z.string().optional() }),
  ),
  required: z.array(z.string()).optional(),
});

/**
 * Writes the README's table of tools.
 *
 * @param tools The definitions.
 * @returns A row for each tool: name, parameters (`?` marks optional ones), description.
 */
export function toolReference(tools: readonly ToolDefinition[]): string {
  const rows = tools.map((tool) => {
    const { properties, required = [] } = schemaSchema.parse(z.toJSONSchema(tool.input, { io: "input" }));
    const parameters = Object.keys(properties).map((name) =>
      `\`${name}${required.includes(name) ? "" : "?"}\``
    );
    return `| \`${tool.name}\` | ${parameters.join(", ")} | ${tool.description.replaceAll("|", "\\|")} |`;
  });
  return ["| tool | parameters | what it does |", "|---|---|---|", ...rows].join("\n");
}
