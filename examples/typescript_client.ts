/** A session over MCP: creates a sandbox, queries the CDM into a DataFrame, draws it and saves the figure. */
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import * as z from "zod";

const contentSchema = z.array(z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  data: z.string().optional(),
}));

const PLOT = `
import matplotlib.pyplot as plt
plt.bar(by_gender.gender_concept_name, by_gender.persons)
plt.ylabel("persons")
`;

const [command = "deno", ...args] = Deno.args.length > 0 ? Deno.args : ["deno", "task", "-q", "start"];
const client = new Client({ name: "example", version: "1" });
await client.connect(new StdioClientTransport({ command, args, env: Deno.env.toObject() }));

/** Calls a tool. Everything that a tool returns is in `content`: text, and images in base64. */
async function call(name: string, input: Record<string, unknown>) {
  const result = await client.callTool({ name, arguments: input });
  const content = contentSchema.parse(result.content);
  const text = content.map((block) => block.text ?? "").join("\n").trim();
  if (result.isError === true) throw new Error(text);
  // deno-lint-ignore no-console -- this program prints what it gets
  console.log(`\n${name}\n${text}`);
  return { text, image: content.find((block) => block.type === "image")?.data };
}

try {
  const created = await call("create_sandbox", {});
  const sandbox_id = /sbx_[0-9a-f]{32}/.exec(created.text)?.[0];
  await call("query_omop", {
    sandbox_id,
    table: "person",
    group_by: ["gender_concept_id"],
    aggregates: [{ fn: "count", column: "*", as: "persons" }],
    concept_name: true,
    into: "by_gender",
  });
  const { image = "" } = await call("execute_python_code", { sandbox_id, code: PLOT });
  await Deno.writeFile(`${Deno.env.get("OUTPUT") ?? "."}/figure.png`, Uint8Array.fromBase64(image));
  await call("remove_sandbox", { sandbox_id });
} finally {
  await client.close();
}
