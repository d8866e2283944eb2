import assert from "node:assert/strict";
import { readSaved, save, type SavedRow, savedSeries } from "../../bench/saved.ts";

const TABLE = { at: "2026-11-28T18:00:00.000Z", machine: "2 cores", rows: [] };

Deno.test("savedSeries() keeps a short series in its order, and a long one as quantiles with its count", () => {
  assert.deepEqual(savedSeries([3, 1.23456, 2]), { count: 3, figures: [3, 1.235, 2] });
  const long = savedSeries(Array.from({ length: 1001 }, (_, at) => 1000 - at));
  assert.equal(long.count, 1001);
  assert.deepEqual([long.figures.length, long.figures[0], long.figures[100], long.figures.at(-1)], [
    201,
    0,
    500,
    1000,
  ]);
});

Deno.test("save() replaces the tables that were measured again and keeps the others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/new/figures.json`;
    assert.deepEqual(await readSaved(path), {});
    const row: SavedRow = { name: "a", unit: "ms", count: 1, figures: [1], over: ["b"] };
    await save(path, { first: TABLE, second: { ...TABLE, rows: [row] } });
    await save(path, { first: { ...TABLE, machine: "4 cores" } });
    assert.deepEqual(await readSaved(path), {
      first: { ...TABLE, machine: "4 cores" },
      second: { ...TABLE, rows: [row] },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readSaved() refuses a file of another form", async () => {
  const path = await Deno.makeTempFile();
  try {
    for (const text of ["", "{", '{"a": {"rows": []}}']) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(readSaved(path), { name: "ZodError" });
    }
  } finally {
    await Deno.remove(path);
  }
});
