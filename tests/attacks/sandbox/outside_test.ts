import assert from "node:assert/strict";
import { withScene } from "../neighbours.ts";
import { repetitions } from "../../fixtures/load.ts";

Deno.test("repeated creations and removals and thousands of cells leave no memory or descriptors in the server", async () => {
  await withScene({}, async ({ client, target }) => {
    const descriptors = client.descriptors();
    for (let n = 0; n < repetitions(10); n += 1) {
      const sandbox_id = await client.create();
      assert.equal((await client.call("remove_sandbox", { sandbox_id })).isError, false);
    }
    for (let n = 0; n < repetitions(1500); n += 1) {
      const { text } = await client.run(target, `print(${n}); ${n} * 2`);
      assert.match(text, new RegExp(`^\\[stdout\\]\\n${n}\\n\\[value\\]\\n${n * 2}\\n\\[ok`));
    }
    assert.ok(Math.abs(client.descriptors() - descriptors) <= 5);
  });
});
