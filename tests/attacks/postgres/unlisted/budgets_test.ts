/** Members of the budgets' classes of attacks that no list of their authors has, from inside a sandbox. */
import assert from "node:assert/strict";
import { withScene } from "../../neighbours.ts";
import ATTACKS from "./budget_attacks.py" with { type: "text" };
import WIRE from "./wire.py" with { type: "text" };

/** How much the server may grow: the grammar in two workers, the database's channel, and {@link ../refusals_memory_test.ts}. */
const GROWTH_BYTES = 250 * 1024 * 1024;

Deno.test("unlisted attacks on the budgets end, are bounded, and leave the neighbour served", async () => {
  await withScene(
    { OMCP_DATABASE_URL: "sample", OMCP_WAIT_SECONDS: "120" },
    async ({ client, target, neighbour }) => {
      const modules = JSON.stringify({ wire: WIRE, budget_attacks: ATTACKS });
      const code = `
for name, text in ${modules}.items():
    open(f"{name}.py", "w").write(text)
import budget_attacks
budget_attacks.run()`;
      const { text } = await client.run(target, code, 120);
      assert.match(text, /"found": \[\]/, text);
      const served = await client.run(
        neighbour,
        "import psycopg; psycopg.connect().execute('select 42').fetchone()",
        30,
      );
      assert.match(served.text, /\(42,\)/);
    },
    GROWTH_BYTES,
  );
});
