import assert from "node:assert/strict";
import {
  ArchiveCache,
  CACHE_BYTES,
  CACHE_ENTRY_BYTES,
} from "../../../../src/sandbox/packages/archive_cache.ts";

const PLAN = { packages: [], bytes: 1, files: 1 };
const MIB = 1024 * 1024;

function archiveOf(bytes: number): Uint8Array[] {
  return [new Uint8Array(bytes / 2), new Uint8Array(bytes / 2)];
}

Deno.test("a cache of archives keeps those that were used last, within its bounds", () => {
  const cache = new ArchiveCache({ monotonic: () => 0 });
  for (const key of ["a", "b", "c", "d"]) cache.put(key, { plan: PLAN, archive: archiveOf(32 * MIB) });
  assert.equal(cache.bytes, CACHE_BYTES);
  assert.ok(cache.get("a"));
  cache.put("e", { plan: PLAN, archive: archiveOf(32 * MIB) });
  assert.equal(cache.bytes, CACHE_BYTES);
  assert.deepEqual(["a", "b", "c", "d", "e"].map((key) => cache.get(key) !== undefined), [
    true,
    false,
    true,
    true,
    true,
  ]);
  cache.put("e", { plan: PLAN, archive: [] });
  assert.equal(cache.bytes, 96 * MIB);
  cache.put("large", { plan: PLAN, archive: archiveOf(CACHE_ENTRY_BYTES + 2) });
  assert.equal(cache.get("large"), undefined);
  assert.equal(cache.bytes, 96 * MIB);
});

Deno.test("a cached archive is forgotten after some hours, because the index may have newer versions", () => {
  let now = 0;
  const cache = new ArchiveCache({ monotonic: () => now });
  cache.put("a", { plan: PLAN, archive: archiveOf(MIB) });
  now = 6 * 3_600_000;
  assert.ok(cache.get("a"));
  now += 1;
  assert.equal(cache.get("a"), undefined);
  assert.equal(cache.bytes, 0);
});
