import assert from "node:assert/strict";
import { fuzz } from "./fuzz.ts";

Deno.test("the guard and PostgreSQL parse random SQL into the same trees", async () => {
  const count = await fuzz({ seed: 20_261_127, rounds: 200 });
  assert.equal(count.rounds, 200);
  assert.ok(count.trees > 100, JSON.stringify(count));
});
