/** Lists are generated from folders: a new tool, setting, command or guest module is one file or one entry. Tested on a copy of the project. */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));
const COPIED = [
  "src",
  "scripts",
  "images",
  "docs",
  // The tables of docs/benchmarks.md are made from its figures.
  "tests/bench",
  "skills",
  "examples",
  "README.md",
  "server.json",
  "CONTRIBUTING.md",
  "deno.json",
  "deno.lock",
];

const TOOL = `import * as z from "zod";
import { textResult } from "../results.ts";
import { defineTool, type Tool } from "../tool.ts";

export const tool: Tool = defineTool({
  toolset: "core",
  define: () => ({
    name: "say_hello",
    title: "Say hello",
    description: "Greets.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({}),
  }),
  handle: () => Promise.resolve(textResult("hello")),
});
`;
const COMMAND = `import { parseArgs } from "node:util";
import type { Command } from "./command.ts";

export const command: Command = {
  usage: [["greet NAME", "greet somebody"]],
  help: "Greets.",
  run({ args, print }) {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true });
    print(\`hello \${positionals.join(" ")}\`);
    return Promise.resolve(0);
  },
};
`;
const SETTING = `  OMCP_GREETING: {
    schema: z.string(),
    default: "hello",
    unit: "text",
    description: "How the server greets.",
  },
`;
const SHOW = `
import { TOOLS } from "./src/mcp/tool_index.ts";
import { offeredTools } from "./src/mcp/offered_tools.ts";
import { readConfig } from "./src/app/config.ts";
import { TOOLSETS } from "./src/mcp/toolsets.ts";
import { GUEST_MODULES } from "./src/guest/mod.ts";
const variant = { cdmVersion: "5.4", disclosure: "open", toolsets: TOOLSETS };
const tools = offeredTools(variant, readConfig(() => undefined)).map(({ name }) => name);
console.log(JSON.stringify({ tools, modules: Object.keys(GUEST_MODULES) }));
`;

Deno.test("adding a tool, setting, command or guest module takes one file or entry; generate updates the lists", async () => {
  const copy = await Deno.makeTempDir({ prefix: "omcp-generate-" });
  try {
    for (const name of COPIED) await cp(`${PROJECT}${name}`, `${copy}/${name}`, { recursive: true });
    await Deno.writeTextFile(`${copy}/src/mcp/tools/say_hello.ts`, TOOL);
    await Deno.writeTextFile(`${copy}/src/cli/greet.ts`, COMMAND);
    await Deno.writeTextFile(`${copy}/src/guest/agent/greeting.py`, '"""Greets."""\n');
    await Deno.writeTextFile(`${copy}/src/guest/kernel/greeting.py`, '"""Greets."""\n');
    const config = await Deno.readTextFile(`${copy}/src/app/config.ts`);
    const changed = config.replace("export const SETTINGS = {\n", (start) => start + SETTING);
    assert.notEqual(changed, config);
    await Deno.writeTextFile(`${copy}/src/app/config.ts`, changed);

    const stale = await deno(copy, "run", "-A", "scripts/generate.ts", "--check");
    assert.equal(stale.code, 1);
    for (const path of ["src/mcp/tool_index.ts", "src/cli/command_index.ts", "src/guest/module_index.ts"]) {
      assert.ok(
        stale.text.includes(`${path} is stale: run \`deno task generate\``),
      );
    }
    assert.deepEqual(await deno(copy, "task", "-q", "generate"), { code: 0, text: "" });
    assert.deepEqual(await deno(copy, "run", "-A", "scripts/generate.ts", "--check"), { code: 0, text: "" });

    assert.deepEqual(await deno(copy, "run", "-A", "src/main.ts", "greet", "Ada"), {
      code: 0,
      text: "hello Ada\n",
    });
    assert.deepEqual(await deno(copy, "run", "-A", "src/main.ts", "greet", "--loud"), {
      code: 1,
      text: "invalid_argument: Unknown option '--loud'\nNothing was done.\nUsage: omcp greet NAME\n",
    });
    assert.match(
      (await deno(copy, "run", "-A", "src/main.ts", "--help")).text,
      /omcp greet NAME +greet somebody/,
    );
    await Deno.writeTextFile(`${copy}/show.ts`, SHOW);
    const shown = (await deno(copy, "run", "-A", "--no-check", "show.ts")).text;
    for (const name of ["say_hello", "agent.greeting", "kernel.greeting"]) {
      assert.ok(shown.includes(`"${name}"`), `${name} is not in ${shown}`);
    }
    const tools = await Deno.readTextFile(`${copy}/docs/tools.md`);
    const settings = await Deno.readTextFile(`${copy}/docs/settings.md`);
    assert.match(tools, /^\| `say_hello` \| .* \| Greets\. \|$/m);
    assert.match(settings, /^\| `OMCP_GREETING` \| `hello` \| text \| How the server greets\. \|$/m);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});

async function deno(cwd: string, ...args: readonly string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}
