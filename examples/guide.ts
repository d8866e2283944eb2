/**
 * Runs a guide: its blocks, in their order, against a server. A block ```json TOOL has a call's arguments, a block ```python is a cell. They
 * share one sandbox. Figures are written beside the texts that are printed.
 *
 *     deno run -A examples/guide.ts examples/five_questions.md [the server's command]
 */
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import * as z from "zod";

/** A call that a guide shows. */
export interface GuideCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
}

const BLOCK = /^```(?:json ([a-z_]+)|(python))\n([\s\S]*?)^```$/gm;
const inputSchema = z.record(z.string(), z.unknown());

/**
 * Finds the calls of a page.
 *
 * @param page Markdown.
 * @throws {SyntaxError} If a block's arguments are not JSON.
 */
export function guideCalls(page: string): readonly GuideCall[] {
  return [...page.matchAll(BLOCK)].map(([_whole, tool, _python, text = ""]) =>
    tool === undefined
      ? { tool: "execute_python_code", input: { code: text } }
      : { tool, input: inputSchema.parse(JSON.parse(text)) }
  );
}

/** What a call of a guide returned. */
export interface GuideResult extends GuideCall {
  readonly text: string;
  readonly images: readonly Uint8Array<ArrayBuffer>[];
}

const contentSchema = z.array(z.looseObject({ text: z.string().optional(), data: z.string().optional() }));
const schemaSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() });

/**
 * Runs the calls in one sandbox, which is removed afterwards.
 *
 * @param client A connected client.
 * @param calls The calls; where a tool takes a `sandbox_id`, it is added.
 * @yields The result of each.
 * @throws {Error} With the text of a call that fails.
 */
export async function* runGuide(client: Client, calls: readonly GuideCall[]): AsyncGenerator<GuideResult> {
  const { tools } = await client.listTools();
  const takesSandbox = new Set(
    tools.filter(({ inputSchema }) => "sandbox_id" in (schemaSchema.parse(inputSchema).properties ?? {}))
      .map(({ name }) => name),
  );
  async function call({ tool, input }: GuideCall): Promise<GuideResult> {
    const result = await client.callTool({ name: tool, arguments: input }, { timeout: 300_000 });
    const content = contentSchema.parse(result.content);
    const text = content.map((block) => block.text ?? "").join("\n").trim();
    if (result.isError === true) throw new Error(`${tool} ${JSON.stringify(input)}\n${text}`);
    return {
      tool,
      input,
      text,
      images: content.flatMap(({ data }) => data === undefined ? [] : [Uint8Array.fromBase64(data)]),
    };
  }
  const { text } = await call({ tool: "create_sandbox", input: {} });
  const sandbox_id = /sbx_[0-9a-f]{32}/.exec(text)?.[0];
  try {
    for (const { tool, input } of calls) {
      const withSandbox = takesSandbox.has(tool) && tool !== "list_sandboxes"
        ? { sandbox_id, ...input }
        : input;
      const result = await call({ tool, input: withSandbox });
      // A cell that raises is not a failed call: its output shows the error.
      if (/^\[error/m.test(result.text)) throw new Error(`${tool}\n${result.text}`);
      yield result;
    }
  } finally {
    await call({ tool: "remove_sandbox", input: { sandbox_id, force: true } });
  }
}

if (import.meta.main) {
  const [page = "examples/five_questions.md", command = "deno", ...args] = Deno.args;
  const client = new Client({ name: "guide", version: "1" });
  await client.connect(
    new StdioClientTransport({
      command,
      args: args.length > 0 ? args : ["task", "-q", "start"],
      env: Deno.env.toObject(),
    }),
  );
  try {
    let figures = 0;
    for await (const { tool, text, images } of runGuide(client, guideCalls(await Deno.readTextFile(page)))) {
      // deno-lint-ignore no-console -- this program prints what it gets
      console.log(`\n${tool}\n${text}`);
      for (const image of images) {
        figures += 1;
        await Deno.writeFile(`${Deno.env.get("OUTPUT") ?? "."}/figure-${figures}.png`, image);
      }
    }
  } finally {
    await client.close();
  }
}
