import assert from "node:assert/strict";
import { BUCKETS, digestOf } from "../../../../src/cdm/disclosure/sketch.ts";

Deno.test("digests have one length, so that two hashes side by side cannot be confused, and equal sketches share one", () => {
  const digests = Array.from({ length: 500 }, (_, at) => {
    const sketch = new Float64Array(BUCKETS);
    sketch[at] = at + 1;
    assert.equal(digestOf(sketch), digestOf(sketch.slice()));
    return digestOf(sketch);
  });
  assert.deepEqual([...new Set(digests.map(({ length }) => length))], [16]);
  assert.equal(new Set(digests).size, digests.length);
});
