/** Cells and margins as the statement computes them, beside those of plain SQL on the same rows. */
import assert from "node:assert/strict";
import { readCells } from "../../../../src/cdm/disclosure/cells.ts";
import type { Cell } from "../../../../src/cdm/disclosure/release.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { BUCKETS } from "../../../../src/cdm/disclosure/sketch.ts";
import { readRows } from "../../../../src/cdm/concepts/source.ts";
import { inSlices } from "../../../../src/lib/async/in_slices.ts";
import { compileDisclosedQuery, disclosedQuerySchema } from "../../../../src/omop/disclosed/mod.ts";
import { testSource } from "../../../fixtures/cdm/test_source.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";

const NEVER = new AbortController().signal;
const AGE = "age_at(condition_start_date)";
const RULES = { ...PRESETS.ohdsi, budget: 100_000 };
/** What the tested query counts, by year, sex and both. */
const TRUTH = `SELECT grouping(y, s), y, s, count(DISTINCT person_id), count(*), sum(age) FROM (
    SELECT person_id, extract(year FROM condition_start_date)::int AS y, gender_concept_id AS s,
      extract(year FROM age(condition_start_date, coalesce(birth_datetime::date,
        make_date(year_of_birth, coalesce(month_of_birth, 1), coalesce(day_of_birth, 1)))))::int AS age
    FROM cdm.condition_occurrence JOIN cdm.person USING (person_id)
  ) AS r
  GROUP BY CUBE (y, s)`;

Deno.test("cells and margins have the numbers of the rows, and margins over persons' columns the sketches beneath them", async () => {
  const postgres = await startPostgres({ sample: true });
  const { source, database } = testSource(postgres);
  try {
    const options = { schema: "cdm", version: "5.4", seed: 7n, buckets: BUCKETS, k: RULES.k } as const;
    const cellsOf = async (group_by: readonly string[]) => {
      const query = disclosedQuerySchema("5.4").parse({
        table: "condition_occurrence",
        group_by,
        aggregates: [{ fn: "count" }, { fn: "sum", column: AGE }],
      });
      const compiled = compileDisclosedQuery(query, options);
      const rows = await readRows(source, compiled.statement, NEVER, 60_000);
      return await inSlices(readCells(rows, compiled, RULES), NEVER);
    };
    const year = "year(condition_start_date)";
    const cells = await cellsOf([year, "person.gender_concept_id"]);
    const lines = (await postgres.sql(TRUTH)).split("\n").map((line) => line.split("|"));
    assert.equal(cells.length, lines.length);
    for (const [level, y, s, ...numbers] of lines) {
      const cell = cells.find((one) =>
        one.level === Number(level) && (one.keys[0] ?? "") === y && (one.keys[1] ?? "") === s
      );
      assert.deepEqual(
        [cell?.persons.value, ...cell?.values.map(({ value }) => value) ?? []],
        numbers.map(Number),
        `${level} ${y} ${s}`,
      );
    }
    // The same margins where the sexes are not a column: made of persons, not of what is beneath.
    const alone = new Map((await cellsOf([year])).map((cell) => [cell.keys[0] ?? null, cell]));
    for (const margin of cells.filter(({ level }) => (level & 1) === 1)) {
      assert.deepEqual(sketches(margin), sketches(alone.get(margin.keys[0] ?? null)));
    }
  } finally {
    await database.close();
    await postgres.stop();
  }
});

function sketches(cell: Cell | undefined) {
  return cell && [cell.persons, ...cell.values].map(({ value, sketch }) => ({ value, sketch })).concat(
    cell.values.map(({ contributors: { value, sketch } }) => ({ value, sketch })),
  );
}
