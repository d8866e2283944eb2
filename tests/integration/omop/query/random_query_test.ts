/** Random typed queries on a CDM with gaps: what their SQL returns is what plain TypeScript computes from the rows. */
import assert from "node:assert/strict";
import pg from "pg";
import { compileOmopQuery, omopQuerySchema } from "../../../../src/omop/query/mod.ts";
import { repetitions } from "../../../fixtures/load.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { type RandomQuery, randomQuery } from "./random_query.ts";
import { type Cell, cell, Rows, TYPES } from "./rows.ts";

const SEED = 20_261_128;
const QUERIES = repetitions(400);

Deno.test("random typed queries return what plain TypeScript computes from the rows", async () => {
  const server = await startPostgres({ sample: true });
  const client = new pg.Client({
    connectionString: server.adminUrl,
    types: { getTypeParser: () => (text: string) => text },
  });
  try {
    await client.connect();
    const rows = await Rows.make(client);
    const wrong: string[] = [];
    let answered = 0;
    for (let number = 0; number < QUERIES; number++) {
      const query = randomQuery(SEED, number, rows);
      if (query.rows.some((row) => row.some((value) => value !== null && value !== 0))) answered++;
      try {
        await check(client, query);
      } catch (error) {
        wrong.push(
          `query ${number}, ${JSON.stringify(query.input)}:\n${
            error instanceof Error ? error.message : error
          }`,
        );
      }
    }
    assert.equal(
      wrong.length,
      0,
      `${wrong.length} of ${QUERIES} differ:\n${wrong.slice(0, 10).join("\n\n")}`,
    );
  } finally {
    await client.end();
    await server.stop();
  }
});

async function check(client: pg.Client, { input, columns, rows, order }: RandomQuery): Promise<void> {
  const query = omopQuerySchema("5.4").parse(input);
  const compiled = compileOmopQuery(query, { version: "5.4", schema: "cdm", maxRows: 1_000_000 });
  assert.deepEqual(
    compiled.columns.map(({ name, type }) => ({ name, type })),
    columns.map(({ name, type }) => ({ name, type })),
  );
  const result = await client.query<(string | null)[]>({
    text: compiled.sql,
    values: [...compiled.parameters],
    rowMode: "array",
  });
  assert.deepEqual(
    result.fields.map(({ dataTypeID }) => TYPES.get(dataTypeID)),
    columns.map(({ type }) => type),
  );
  const found = result.rows.map((row) => row.map((text, at) => cell(text, columns[at]?.type ?? "text")));
  const wanted = Math.min(rows.length, query.limit + 1);
  assert.equal(found.length, wanted, `rows; ${compiled.sql} ${JSON.stringify(compiled.parameters)}`);
  // Which of several rows of the same rank the limit keeps is open; their ranks are not.
  for (const [at, row] of found.entries()) {
    for (const column of order) {
      assert(same(row[column] ?? null, rows[at]?.[column] ?? null), `order, row ${at}; ${compiled.sql}`);
    }
  }
  const left = Map.groupBy(rows, rounded);
  for (const row of found) {
    const like = left.get(rounded(row)) ?? [];
    const at = like.findIndex((one) => one.every((value, column) => same(value, row[column] ?? null)));
    assert(
      at >= 0,
      `unexpected row ${JSON.stringify(row)}; ${compiled.sql} ${JSON.stringify(compiled.parameters)}`,
    );
    like.splice(at, 1);
  }
}

/** Equal; numbers to a part in 10⁹, because floating-point sums are not exact. */
function same(a: Cell, b: Cell): boolean {
  if (typeof a !== "number" || typeof b !== "number") return a === b;
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}

/** A row's text without its numbers, which are compared one by one. */
function rounded(row: readonly Cell[]): string {
  return JSON.stringify(row.map((value) => typeof value === "number" ? 0 : value));
}
