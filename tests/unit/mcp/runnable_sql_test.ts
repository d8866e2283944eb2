import assert from "node:assert/strict";
import { runnableSql } from "../../../src/mcp/runnable_sql.ts";

Deno.test("runnableSql() replaces placeholders, and only those", () => {
  assert.equal(
    runnableSql(`select "a$1" from t where x = $1 and y = '$1' limit $2`, ["it's $2", 3]),
    `select "a$1" from t where x = 'it''s $2' and y = '$1' limit 3`,
  );
});

Deno.test("runnableSql() distinguishes $1 from $10", () => {
  const values = Array.from({ length: 10 }, (_, at) => at);
  assert.equal(runnableSql("$1,$10,$2", values), "0,9,1");
});

Deno.test("runnableSql() leaves SQL without parameters as it is", () => {
  assert.equal(runnableSql("select 1", []), "select 1");
  assert.equal(runnableSql("select $1", []), "select $1");
});
