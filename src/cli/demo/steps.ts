/** The demo's steps between connecting and ending. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type ConnectedServer, sandboxIdIn, type ToolReply } from "./client.ts";
import type { Transcript } from "./transcript.ts";

const OUTPUT = new URL("../../../demo-output/", import.meta.url);

const PLOT = `
import numpy as np, matplotlib.pyplot as plt
years = np.arange(1950, 2021, 10)
plt.figure(figsize=(7, 3.5))
plt.bar(years, total * np.exp(-((years - 1985) / 30) ** 2), width=7, color="#3b6ea5")
plt.title("A figure comes back as PNG"); plt.xlabel("year"); plt.tight_layout()
`;

const PANDAS = `
table = by_condition.pivot_table(index="condition_concept_name", columns="gender_concept_name", values="persons", aggfunc="sum", fill_value=0)
table.assign(total=table.sum(axis=1)).sort_values("total", ascending=False).head(8)
`;

const PSYCOPG = `
import psycopg
with psycopg.connect() as connection:
    row = connection.execute("""
        SELECT count(*), round(avg(extract(year FROM current_date) - year_of_birth), 1) FROM person
    """).fetchone()
print("persons and mean age:", row)
`;

const REFUSED = [
  {
    what: "the network",
    code: "import urllib.request; urllib.request.urlopen('http://198.51.100.1/', timeout=5)",
    expect: /Permission|not permitted|unreachable/i,
  },
  {
    what: "writing to the root",
    code: "open('/etc/escaped', 'w')",
    expect: /Read-only file system|Permission denied/,
  },
  {
    what: "DELETE FROM person",
    code: "import psycopg\nwith psycopg.connect() as connection: connection.execute('DELETE FROM person')",
    expect: /DELETE|refused|not allowed|read-only/i,
  },
];

/**
 * Runs all steps in one sandbox.
 *
 * @param server The connected server.
 * @param transcript Where the steps are printed.
 */
export async function runSteps(server: ConnectedServer, transcript: Transcript): Promise<void> {
  await transcript.step("An MCP client starts the server over stdio and asks what it can do", async () => {
    const tools = await server.tools();
    transcript.reply(`${server.serverVersion}: ${tools.join(", ")}`);
    assert.ok(tools.includes("execute_python_code"));
  });
  const sandboxId = await transcript.step(
    "create_sandbox: a container without network, credential or host path",
    async () => {
      const reply = await server.call("create_sandbox", {});
      transcript.reply(reply.text);
      assert.equal(reply.isError, false);
      return sandboxIdIn(reply.text);
    },
  );
  if (sandboxId === undefined) return;
  async function cell(code: string, timeout?: number): Promise<ToolReply> {
    transcript.code(code);
    const reply = await server.call("execute_python_code", {
      sandbox_id: sandboxId,
      code: code.trim(),
      ...(timeout === undefined ? {} : { timeout }),
    });
    if (reply.isError) transcript.failure(reply.text);
    else transcript.reply(reply.text);
    return reply;
  }

  await transcript.step("Two cells share state", async () => {
    await cell("total = sum(range(1, 101))");
    const reply = await cell("print('from the second cell'); total");
    assert.match(reply.text, /5050/);
  });
  await transcript.step("A plot comes back as an image", async () => {
    const reply = await cell(PLOT);
    const image = reply.images[0];
    assert.ok(image !== undefined, "the result has no image");
    await Deno.mkdir(OUTPUT, { recursive: true });
    const path = fileURLToPath(new URL("plot.png", OUTPUT));
    await Deno.writeFile(path, image.bytes);
    transcript.reply(`wrote ${image.bytes.length} bytes to ${path}`);
  });
  await omopSteps(server, transcript, { sandboxId, cell });
  for (const { what, code, expect } of REFUSED) {
    await transcript.step(`This must fail: ${what}`, async () => {
      const reply = await cell(code);
      assert.equal(reply.isError, true, "it succeeded");
      assert.match(reply.text, expect);
    });
  }
  await transcript.step(
    "An endless loop is interrupted after 2 s, and the sandbox keeps its variables",
    async () => {
      const reply = await cell("while True: pass", 2);
      assert.match(reply.text, /\[timeout, .*variables kept\]$/);
      assert.match((await cell("total")).text, /5050/);
    },
  );
  await transcript.step("remove_sandbox", async () => {
    const reply = await server.call("remove_sandbox", { sandbox_id: sandboxId });
    transcript.reply(reply.text);
    assert.equal(reply.isError, false);
    transcript.reply((await server.call("list_sandboxes", {})).text);
  });
}

async function omopSteps(
  server: ConnectedServer,
  transcript: Transcript,
  sandbox: { readonly sandboxId: string; readonly cell: (code: string) => Promise<ToolReply> },
): Promise<void> {
  await transcript.step("query_omop: a typed query lands in the sandbox as a DataFrame", async () => {
    const input = {
      table: "condition_occurrence",
      group_by: ["condition_concept_id", "person.gender_concept_id"],
      aggregates: [{ fn: "count", column: "person_id", distinct: true, as: "persons" }],
      concept_name: true,
      order_by: ["-persons"],
      limit: 1_000_000,
      into: "by_condition",
    };
    transcript.code(`query_omop ${JSON.stringify(input)}`);
    const reply = await server.call("query_omop", { sandbox_id: sandbox.sandboxId, ...input });
    transcript.reply(reply.text);
    assert.equal(reply.isError, false);
  });
  await transcript.step("pandas continues with it: persons by condition and sex", async () => {
    assert.equal((await sandbox.cell(PANDAS)).isError, false);
  });
  await transcript.step("Raw SQL: psycopg connects with no argument, password or host", async () => {
    assert.match((await sandbox.cell(PSYCOPG)).text, /persons and mean age/);
  });
}
