/** Cells and margins as the statement computes them, beside those of plain SQL on the same rows. */
import assert from "node:assert/strict";
import { readCells } from "../../../../src/cdm/disclosure/cells.ts";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { hasUniquePersons } from "../../../../src/cdm/disclosure/unique_persons.ts";
import { BUCKETS } from "../../../../src/cdm/disclosure/sketch.ts";
import { readRows } from "../../../../src/cdm/concepts/source.ts";
import { inSlices } from "../../../../src/lib/async/in_slices.ts";
import { compileDisclosedQuery, disclosedQuerySchema } from "../../../../src/omop/disclosed/mod.ts";
import { testSource } from "../../../fixtures/cdm/test_source.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";

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

let postgres: TestPostgres;
let opened: ReturnType<typeof testSource>;

Deno.test.beforeAll(async function start() {
  postgres = await startPostgres({ sample: true });
  opened = testSource(postgres);
});

Deno.test.afterAll(async function stop() {
  await opened.database.close();
  await postgres.stop();
});

/** The cells of a query on condition_occurrence. */
async function cellsOf(query: Record<string, unknown>): Promise<readonly Cell[]> {
  const options = {
    schema: "cdm",
    version: "5.4",
    seed: 7n,
    buckets: BUCKETS,
    k: RULES.k,
    hasUniquePersons: await hasUniquePersons(opened.source, NEVER),
  } as const;
  const parsed = disclosedQuerySchema("5.4").parse({ table: "condition_occurrence", ...query });
  const compiled = compileDisclosedQuery(parsed, options);
  const rows = await readRows(opened.source, compiled.statement, NEVER, 60_000);
  return await inSlices(readCells(rows, compiled, RULES), NEVER);
}

Deno.test("cells and margins have the numbers of the rows, and margins over persons' columns the sketches beneath them", async () => {
  const aggregates = [{ fn: "count" }, { fn: "sum", column: AGE }];
  const year = "year(condition_start_date)";
  const cells = await cellsOf({ group_by: [year, "person.gender_concept_id"], aggregates });
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
  const alone = new Map(
    (await cellsOf({ group_by: [year], aggregates })).map((cell) => [cell.keys[0] ?? null, cell]),
  );
  for (const margin of cells.filter(({ level }) => (level & 1) === 1)) {
    assert.deepEqual(sketches(margin), sketches(alone.get(margin.keys[0] ?? null)));
  }
});

Deno.test("a number of records that one person dominates is absent, and the number of its persons is not", async () => {
  // 40 persons have one to three records each of a concept, and of one concept the first has 5,000 more.
  const insert = (concept: number, from: number, more: number) =>
    `INSERT INTO cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date,
      condition_type_concept_id)
    SELECT (SELECT max(condition_occurrence_id) FROM cdm.condition_occurrence) + row_number() OVER (), person_id, ${concept},
      '2020-01-01', 32817
    FROM (SELECT person_id, row_number() OVER (ORDER BY person_id) AS at FROM cdm.person) AS p,
      generate_series(0, at % 3 + CASE WHEN at = ${from} THEN ${more} ELSE 0 END)
    WHERE at BETWEEN ${from} AND ${from + 39};`;
  const unused = await postgres.sql(`SELECT concept_id FROM cdm.concept WHERE NOT EXISTS (
    SELECT FROM cdm.condition_occurrence WHERE condition_concept_id = concept_id) ORDER BY concept_id DESC LIMIT 2`);
  const [dominated = 0, even = 0] = unused.split("\n").map(Number);
  await postgres.sql(insert(dominated, 1, 5_000) + insert(even, 41, 0));
  const shown = async (aggregates: readonly Record<string, unknown>[]) => {
    const cells = await cellsOf({
      group_by: ["condition_concept_id"],
      aggregates,
      filters: [{ column: "condition_concept_id", op: "in", value: [dominated, even] }],
    });
    const everybody = (await cellsOf({ aggregates }))[0];
    assert.ok(everybody !== undefined);
    const ledger = new Ledger(RULES, everybody.persons, Math.random);
    const released = await inSlices(releaseTable(cells, 1, ledger, RULES), NEVER);
    return released.cells.map(({ keys, persons, values }) => [Number(keys[0]), persons, ...values]);
  };
  assert.deepEqual(await shown([{ fn: "count" }]), [[even, 40, 81]]);
  assert.deepEqual(await shown([{ fn: "count_persons" }]), [[even, 40], [dominated, 40]]);
});

Deno.test("margins count a person once who has several rows in person, whether or not a key excludes that", async () => {
  const isUnique = () => hasUniquePersons(opened.source, NEVER);
  const query = {
    group_by: ["person.gender_concept_id", "condition_concept_id"],
    aggregates: [{ fn: "count" }],
  };
  const margins = async () =>
    (await cellsOf(query)).filter(({ level }) => level === 2)
      .map(({ keys, persons }) => [keys[1], persons.value]);
  const truth =
    (await postgres.sql(`SELECT condition_concept_id, count(DISTINCT person_id) FROM cdm.condition_occurrence
    GROUP BY 1 ORDER BY 1`)).split("\n").map((line) => line.split("|")).map((
      [id, persons],
    ) => [id, Number(persons)]);
  assert.deepEqual([await isUnique(), await margins()], [true, truth], "with a key");
  await postgres.sql("ALTER TABLE cdm.person DROP CONSTRAINT pk_person CASCADE");
  assert.deepEqual([await isUnique(), await margins()], [true, truth], "without a key");
  // An earlier row of everybody. A key does not hold for tables that inherit, nor a partial index for the rows that it leaves out.
  await postgres.sql(
    `CREATE TABLE cdm.former (LIKE cdm.person); INSERT INTO cdm.former SELECT * FROM cdm.person;
    UPDATE cdm.former SET gender_concept_id = 0;
    ALTER TABLE cdm.person ADD CONSTRAINT pk_person PRIMARY KEY (person_id);
    ALTER TABLE cdm.former INHERIT cdm.person`,
  );
  assert.deepEqual([await isUnique(), await margins()], [false, truth], "with a table that inherits");
  await postgres.sql(`ALTER TABLE cdm.former NO INHERIT cdm.person;
    ALTER TABLE cdm.person DROP CONSTRAINT pk_person;
    INSERT INTO cdm.person SELECT * FROM cdm.former;
    CREATE UNIQUE INDEX ON cdm.person (person_id) WHERE gender_concept_id <> 0;
    CREATE UNIQUE INDEX ON cdm.person (person_id, gender_concept_id)`);
  assert.deepEqual([await isUnique(), await margins()], [false, truth], "with several rows");
});

function sketches(cell: Cell | undefined) {
  return cell && [cell.persons, ...cell.values].map(({ value, sketch }) => ({ value, sketch })).concat(
    cell.values.map(({ contributors: { value, sketch } }) => ({ value, sketch })),
  );
}
