import assert from "node:assert/strict";
import { scopeNotes } from "../../../src/mcp/concept_text.ts";

Deno.test("a search without a complete index is to be repeated soon, or in a minute if the index takes long", () => {
  assert.deepEqual(scopeNotes({ scope: "index" }, { indexed: 193, indexSeconds: 1 }), []);
  const [soon = ""] = scopeNotes({ scope: "names" }, { indexed: 0, indexSeconds: 0.7 });
  assert.match(
    soon,
    /0 concepts so far: all names were read .*\. Search again in a few seconds for all\.\]$/,
  );
  const [late = ""] = scopeNotes({ scope: "part" }, { indexed: 1, indexSeconds: 70 });
  assert.match(late, /1 concept so far: only ids, codes .*\. Search again in a minute for all\.\]$/);
});
