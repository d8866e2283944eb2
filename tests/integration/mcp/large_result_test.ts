import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

const TOO_LARGE = "select * from measurement m join measurement n on m.person_id = n.person_id";

Deno.test("a result that is too large is an error, and a server-side cursor reads it in parts", async () => {
  await withServer({ OMCP_MEMORY_MIB: "768", OMCP_WORKSPACE_MIB: "64" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    async function run(...lines: readonly string[]): Promise<string> {
      return (await server.call("execute_python_code", { sandbox_id, code: lines.join("\n") })).text;
    }
    const refused = await run(
      "import psycopg",
      "kept = 28",
      "connection = psycopg.connect()",
      `connection.execute("${TOO_LARGE}").fetchmany(1)`,
    );
    assert.match(refused, /the result is larger than the 100663296 bytes/);
    assert.match(refused, /server-side cursor/);
    assert.match(refused, /variables kept/);
    const parts = await run(
      "connection.rollback()",
      "cursor = connection.cursor(name='rows')",
      `cursor.execute("${TOO_LARGE}")`,
      "kept, len(cursor.fetchmany(1000))",
    );
    assert.match(parts, /\(28, 1000\)/);
    const full = await run("filler = b'x' * (520 * 1024 * 1024)", "len(filler)");
    assert.match(full, /variables kept/);
    const query = {
      sandbox_id,
      table: "measurement",
      concept_name: true,
      limit: 100_000,
      into: "all_of_them",
    };
    const large = await server.call("query_omop", query);
    assert.match(large.text, /^Error result_too_large: .*first [\d,]+ rows take .*variables are kept/s);
    assert.match(await run("del filler", "kept, 'all_of_them' in globals()"), /\(28, False\)/);
    const fits = await server.call("query_omop", query);
    assert.match(fits.text, /`all_of_them`: [\d,]+ rows/);
  });
});
