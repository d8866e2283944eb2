import assert from "node:assert/strict";
import * as z from "zod";
import { connectCommand, inheritedVariables } from "../../../src/cli/demo/client.ts";
import { newCdmName, runCdm } from "../../fixtures/cdm/command.ts";
import { withFolder } from "../../fixtures/cdm/folder_files.ts";
import { PERSON, PERSON_HEADER } from "../../fixtures/cdm/loaded.ts";
import { newSandbox } from "../../fixtures/server.ts";

const configurationSchema = z.object({
  mcpServers: z.object({
    "omcp-python-sandbox": z.object({
      command: z.string(),
      args: z.array(z.string()),
      env: z.record(z.string(), z.string()),
    }),
  }),
});

/** Runs `omcp cdm …` as a user does. */
async function cdm(...args: readonly string[]): ReturnType<typeof runCdm> {
  return await runCdm(args, { OMCP_LOG_LEVEL: "error" });
}

/** Counts the rows of `note` through a server that a client starts in another folder than the checkout. */
async function countNotes(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const server = await connectCommand({
    command,
    args,
    env: { ...inheritedVariables(), OMCP_LOG_LEVEL: "error", ...env },
    cwd: "/",
  });
  try {
    const query = {
      sandbox_id: await newSandbox(server),
      table: "note",
      aggregates: [{ fn: "count", as: "notes" }, { fn: "max", column: "note_title", as: "title" }],
      into: "n",
    };
    return (await server.call("query_omop", query)).text;
  } finally {
    await server.close();
  }
}

const NOTE_HEADER =
  "note_id\tperson_id\tnote_date\tnote_type_concept_id\tnote_class_concept_id\tnote_title\tnote_text\tencoding_concept_id\tlanguage_concept_id\n";

Deno.test("omcp cdm load prints a configuration and a command that serve the CDM as printed", async () => {
  const name = newCdmName();
  try {
    await withFolder({
      "person.csv": PERSON,
      "note.tsv": `${NOTE_HEADER}1\t1\t2020-01-01\t0\t0\t"a ""b"""\t"two\nlines"\t0\t0\n` +
        "2\t1\t2020-01-01\t0\t0\t\tx\t0\t0\n",
    }, async (folder) => {
      const { code, stdout, stderr } = await cdm("load", folder, "--into", `local:${name}`);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^Read with commas, quotes enclose fields: person$/m);
      assert.match(stdout, /^Read with TABs, quotes enclose fields: note$/m);
      const [, line = ""] = /^Serve it: {2}(.+)$/m.exec(stdout) ?? [];
      const [json = ""] = /^\{[^]*?^\}$/m.exec(stdout) ?? [];
      const server = configurationSchema.parse(JSON.parse(json)).mcpServers["omcp-python-sandbox"];
      for (
        const [command, args, env] of [["sh", ["-c", line], {}], [
          server.command,
          server.args,
          server.env,
        ]] as const
      ) {
        const counted = await countNotes(command, args, env);
        assert.ok(counted.includes('2 | a "b"'), counted);
      }
    });
  } finally {
    assert.equal((await cdm("remove", `local:${name}`)).code, 0);
  }
});

Deno.test("a load of which no row fits fails, and prints no value of a row", async () => {
  const name = newCdmName();
  const files = {
    "person.csv": `${PERSON_HEADER}\nsecret,8507,1970,,0,0,secret\n`,
    "death.csv": "secret,1970-01-01\n",
  };
  await withFolder(files, async (folder) => {
    const headless = await cdm("load", folder, "--into", `local:${name}`);
    assert.equal(headless.code, 1);
    assert.match(headless.stderr, /^cdm_invalid: .*death\.csv: it has no header/m);
    await Deno.remove(`${folder}/death.csv`);
    const unfit = await cdm("load", folder, "--into", `local:${name}`);
    assert.equal(unfit.code, 1);
    assert.match(unfit.stderr, /^cdm_invalid: No row fits: person \(1 row; person_id: not a 64-bit integer/m);
    assert.match(unfit.stdout, /1 rejected, person_id: .*\(line 2\)/);
    for (const { stdout, stderr } of [headless, unfit]) {
      assert.doesNotMatch(stdout + stderr, /secret|1970/);
      assert.ok(stderr.split("\n").length < 6, stderr);
    }
    assert.doesNotMatch((await cdm("list")).stdout, new RegExp(name));
  });
});
