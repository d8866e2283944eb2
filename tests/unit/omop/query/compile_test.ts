/** Compiling typed queries. Longer than 300 lines: the tables of queries with the SQL expected of each. */
import assert from "node:assert/strict";
import { sql } from "kysely";
import {
  type CompiledOmopQuery,
  compileOmopQuery,
  type OmopQueryInput,
  omopQuerySchema,
} from "../../../../src/omop/query/mod.ts";
import { CDM_VERSIONS, type CdmVersion } from "../../../../src/omop/cdm/mod.ts";

Deno.test("compileOmopQuery() selects all columns of the table in its order by default", function all() {
  const { sql, columns } = compile({ table: "death" });
  assert.equal(
    sql,
    'select "t"."person_id" as "person_id", "t"."death_date" as "death_date", "t"."death_datetime" as "death_datetime", ' +
      '"t"."death_type_concept_id" as "death_type_concept_id", "t"."cause_concept_id" as "cause_concept_id", ' +
      '"t"."cause_source_value" as "cause_source_value", "t"."cause_source_concept_id" as "cause_source_concept_id" ' +
      'from "cdm"."death" as "t" limit $1',
  );
  assert.deepEqual(columns.slice(0, 3), [
    { name: "person_id", type: "bigint" },
    { name: "death_date", type: "date" },
    { name: "death_datetime", type: "timestamp" },
  ]);
});

Deno.test("compileOmopQuery() reads the periods of a cohort that is held, also where the CDM has no table cohort", () => {
  for (const version of CDM_VERSIONS) {
    const query = omopQuerySchema(version).parse({
      table: "cohort",
      cohort: "bleeds",
      columns: ["cohort_start_date", "person.year_of_birth"],
      persons: { without: [{ cohort: "others", window: { to: 0 } }] },
    });
    const options = {
      version,
      schema: "cdm",
      maxRows: 10,
      cohort: (name: string) => sql`select ${name} as rows`,
    };
    const { sql: text, parameters, meaning } = compileOmopQuery(query, options);
    assert.equal(
      text,
      'select "t"."cohort_start_date" as "cohort_start_date", "p"."year_of_birth" as "year_of_birth" from (select $1 as rows) as "t" ' +
        'left join "cdm"."person" as "p" on "p"."person_id" = "t"."person_id" where not exists (select 1 from (select $2 as rows) ' +
        'as "e0" where "e0"."person_id" = "t"."person_id" and ("e0"."cohort_start_date" - "t"."cohort_start_date") <= 0) limit $3',
    );
    assert.deepEqual(parameters, ["bleeds", "others", 11]);
    assert.match(meaning, /^rows of cohort bleeds; of persons without cohort others, /);
    assert.throws(() => compileOmopQuery(query, { version, schema: "cdm", maxRows: 10 }), {
      code: "invalid_argument",
    });
    assert.throws(() => compileOmopQuery({ ...query, table: "death" }, options), {
      message: "Cannot use cohort with the table death",
    });
  }
});

const CONDITIONS: readonly [OmopQueryInput["filters"], string, readonly (string | number)[]][] = [
  [[{ column: "person_id", op: "=", value: 7 }], '"t"."person_id" = $1', ["7"]],
  [[{ column: "person_id", op: "!=", value: "9223372036854775807" }], '"t"."person_id" <> $1', [
    "9223372036854775807",
  ]],
  [[{ column: "range_low", op: "<", value: 1.5 }], '"t"."range_low" < $1', ["1.5"]],
  [[{ column: "range_low", op: "<=", value: "1.50" }], '"t"."range_low" <= $1', ["1.50"]],
  [[{ column: "measurement_date", op: ">", value: "2020-02-29" }], '"t"."measurement_date" > $1', [
    "2020-02-29",
  ]],
  [
    [{ column: "measurement_datetime", op: ">=", value: "2020-02-29T10:00" }],
    '"t"."measurement_datetime" >= $1',
    ["2020-02-29T10:00"],
  ],
  [
    [{ column: "measurement_concept_id", op: "in", value: [3004410, "3004249"] }],
    '"t"."measurement_concept_id" in ($1, $2)',
    ["3004410", "3004249"],
  ],
  [
    [{ column: "unit_source_value", op: "not in", value: ["%", "mmHg"] }],
    '"t"."unit_source_value" not in ($1, $2)',
    ["%", "mmHg"],
  ],
  [
    [{ column: "measurement_date", op: "between", value: ["2020-01-01", "2020-12-31"] }],
    '"t"."measurement_date" between $1 and $2',
    ["2020-01-01", "2020-12-31"],
  ],
  [[{ column: "value_as_number", op: "is null" }], '"t"."value_as_number" is null', []],
  [[{ column: "value_as_number", op: "is not null", value: null }], '"t"."value_as_number" is not null', []],
  [[{ column: "unit_source_value", op: "like", value: "mm%" }], '"t"."unit_source_value" like $1', ["mm%"]],
  [[{ column: "unit_source_value", op: "ilike", value: "MM%" }], '"t"."unit_source_value" ilike $1', ["MM%"]],
  [
    [{ column: "person_id", op: "=", value: 1 }, { column: "range_high", op: ">", value: 2 }],
    '"t"."person_id" = $1 and "t"."range_high" > $2',
    ["1", "2"],
  ],
];

for (const [filters, condition, parameters] of CONDITIONS) {
  Deno.test(`compileOmopQuery() compiles ${JSON.stringify(filters)}`, function condition_() {
    const compiled = compile({ table: "measurement", columns: ["person_id"], filters, limit: 10 });
    assert.equal(
      compiled.sql,
      `select "t"."person_id" as "person_id" from "cdm"."measurement" as "t" where ${condition} limit $${
        parameters.length + 1
      }`,
    );
    assert.deepEqual(compiled.parameters, [...parameters, 11]);
  });
}

for (const [alias, operator] of [["≠", "<>"], ["<>", "<>"], ["≤", "<="], ["≥", ">="], ["==", "="]] as const) {
  Deno.test(`omopQuerySchema() accepts ${alias}`, function alias_() {
    const query = omopQuerySchema("5.4").parse({
      table: "person",
      filters: [{ column: "year_of_birth", op: alias, value: 1970 }],
    });
    const { sql } = compileOmopQuery(query, { version: "5.4", schema: "cdm", maxRows: 10 });
    assert(sql.includes(`"t"."year_of_birth" ${operator} $1`), sql);
  });
}

Deno.test("compileOmopQuery() keeps hostile values out of the SQL", function injection() {
  const hostile = ["'; DROP TABLE person; --", '" or 1=1 --', "$1", "\\", "' || pg_sleep(9) || '"];
  const { sql, parameters } = compile({
    table: "condition_occurrence",
    columns: ["person_id"],
    filters: [
      { column: "condition_source_value", op: "in", value: hostile },
      { column: "stop_reason", op: "like", value: hostile[0] ?? "" },
    ],
  });
  for (const text of hostile.filter((value) => value !== "$1")) assert(!sql.includes(text), sql);
  assert.deepEqual(parameters.slice(0, 6), [...hostile, hostile[0]]);
});

Deno.test("compileOmopQuery() quotes the schema", function schema() {
  const query = omopQuerySchema("5.3").parse({ table: "person", columns: ["person_id"] });
  const { sql } = compileOmopQuery(query, { version: "5.3", schema: 'a".b; --', maxRows: 5 });
  assert.equal(sql, 'select "t"."person_id" as "person_id" from "a"".b; --"."person" as "t" limit $1');
});

Deno.test("compileOmopQuery() adds concept names after their ids", function names() {
  const { sql, columns } = compile({
    table: "person",
    columns: ["gender_concept_id", "person_id"],
    concept_name: true,
  });
  assert.equal(
    sql,
    `select "t"."gender_concept_id" as "gender_concept_id", ${
      nameOf('"t"."gender_concept_id"')
    } as "gender_concept_name", ` +
      '"t"."person_id" as "person_id" from "cdm"."person" as "t" limit $1',
  );
  assert.deepEqual(columns[1], { name: "gender_concept_name", type: "text" });
});

Deno.test("compileOmopQuery() names numbered concept columns, and leaves the table concept alone", function numbered() {
  const links = compile({
    table: "concept_relationship",
    columns: ["concept_id_1", "concept_id_2"],
    concept_name: true,
  });
  assert.deepEqual(links.columns.map((column) => column.name), [
    "concept_id_1",
    "concept_name_1",
    "concept_id_2",
    "concept_name_2",
  ]);
  assert(!compile({ table: "concept", concept_name: true }).sql.includes("join"));
});

Deno.test("compileOmopQuery() groups before it joins names", function grouped() {
  const { sql, columns } = compile({
    table: "measurement",
    group_by: ["measurement_concept_id"],
    concept_name: true,
    aggregates: [{ fn: "count" }, { fn: "avg", column: "provider.year_of_birth", as: "mean" }],
    order_by: ["-count", { column: "measurement_concept_name" }],
    limit: 3,
  });
  assert.equal(
    sql,
    'select "t"."measurement_concept_id" as "measurement_concept_id", ' +
      `${nameOf('"t"."measurement_concept_id"')} as "measurement_concept_name", ` +
      '"t"."count" as "count", "t"."mean" as "mean" from (select "t"."measurement_concept_id" as "measurement_concept_id", ' +
      'count(*) as "count", avg("provider"."year_of_birth") as "mean" from "cdm"."measurement" as "t" ' +
      'left join "cdm"."provider" as "provider" on "provider"."provider_id" = "t"."provider_id" ' +
      'group by "t"."measurement_concept_id") as "t" ' +
      'order by "count" desc nulls last, "measurement_concept_name" asc nulls last limit $1',
  );
  assert.deepEqual(columns.map((column) => column.type), ["bigint", "text", "bigint", "numeric"]);
});

const JOIN = 'left join "cdm"."person" as "p" on "p"."person_id" = "t"."person_id"';

Deno.test("compileOmopQuery() finds a group in columns by its text and by its name in the result", function named() {
  const year = "year(death_date)";
  const query = (group: string, column: string) =>
    compile({ table: "death", group_by: [group], columns: [column], aggregates: [{ fn: "count" }] });
  assert.equal(query(`${year} as y`, "y").sql, query(`${year} as y`, `${year} as y`).sql);
  assert.equal(query(year, "year_death_date").sql, query(year, year).sql);
});

Deno.test("compileOmopQuery() takes a concept set in the form of any argument, in nested conditions too", function set() {
  const item = { concept_id: 201826 };
  const written = [
    { items: [item] },
    [item],
    item,
    [201826],
    { concepts: [item] },
    { concept_set: { items: [item] } },
    { concept_set: item },
  ];
  const [first, ...others] = written.map((value) => {
    const filter = { column: "cause_concept_id", op: "in_concept_set", value };
    const query = { table: "death", filters: [filter] };
    const nested = { table: "death", filters: [{ not: [{ not: [filter] }] }] };
    return [query, nested].map((each) => {
      const { sql, parameters, meaning } = compileOmopQuery(omopQuerySchema("5.4").parse(each), {
        version: "5.4",
        schema: "cdm",
        maxRows: 10,
      });
      return { sql, parameters, meaning };
    });
  });
  assert.match(first?.[1]?.meaning ?? "", /cause_concept_id in the concept set \[201826\]/);
  for (const other of others) assert.deepEqual(other, first);
});

Deno.test("compileOmopQuery() counts persons by condition and sex in one query", function persons() {
  const { sql, parameters, columns } = compile({
    table: "condition_occurrence",
    group_by: ["condition_concept_id", "person.gender_concept_id"],
    aggregates: [{ fn: "count", column: "person_id", distinct: true, as: "persons" }],
    concept_name: true,
  });
  assert.equal(
    sql,
    'select "t"."condition_concept_id" as "condition_concept_id", ' +
      `${nameOf('"t"."condition_concept_id"')} as "condition_concept_name", ` +
      `"t"."gender_concept_id" as "gender_concept_id", ${
        nameOf('"t"."gender_concept_id"')
      } as "gender_concept_name", ` +
      '"t"."persons" as "persons" from (select "t"."condition_concept_id" as "condition_concept_id", ' +
      '"p"."gender_concept_id" as "gender_concept_id", count(distinct "t"."person_id") as "persons" ' +
      `from "cdm"."condition_occurrence" as "t" ${JOIN} ` +
      'group by "t"."condition_concept_id", "p"."gender_concept_id") as "t" limit $1',
  );
  assert.deepEqual(parameters, [10_001]);
  assert.deepEqual(columns, [
    { name: "condition_concept_id", type: "bigint" },
    { name: "condition_concept_name", type: "text" },
    { name: "gender_concept_id", type: "bigint" },
    { name: "gender_concept_name", type: "text" },
    { name: "persons", type: "bigint", statistic: true },
  ]);
});

/** A query that uses a person's column, its SQL between `select` and `limit`, and the bound values. */
const PERSONS: readonly [OmopQueryInput, string, readonly string[]][] = [
  [
    { table: "death", columns: ["death_date", "person.year_of_birth"] },
    `"t"."death_date" as "death_date", "p"."year_of_birth" as "year_of_birth" from "cdm"."death" as "t" ${JOIN}`,
    [],
  ],
  [
    { table: "death", columns: ["person.race_concept_id"], concept_name: true },
    `"p"."race_concept_id" as "race_concept_id", ${nameOf('"p"."race_concept_id"')} as "race_concept_name" ` +
    `from "cdm"."death" as "t" ${JOIN}`,
    [],
  ],
  [
    {
      table: "death",
      columns: ["person_id"],
      filters: [{ column: "person.gender_source_value", op: "=", value: "' or true; --" }, {
        column: "person.year_of_birth",
        op: "between",
        value: [1950, 1960],
      }],
    },
    `"t"."person_id" as "person_id" from "cdm"."death" as "t" ${JOIN} ` +
    'where "p"."gender_source_value" = $1 and "p"."year_of_birth" between $2 and $3',
    ["' or true; --", "1950", "1960"],
  ],
  [
    { table: "death", aggregates: [{ fn: "avg", column: "person.year_of_birth" }] },
    `avg("p"."year_of_birth") as "avg_year_of_birth" from "cdm"."death" as "t" ${JOIN}`,
    [],
  ],
  [
    { table: "death", columns: ["person_id", "person.year_of_birth"], order_by: ["-person.year_of_birth"] },
    `"t"."person_id" as "person_id", "p"."year_of_birth" as "year_of_birth" from "cdm"."death" as "t" ${JOIN} ` +
    'order by "year_of_birth" desc nulls last',
    [],
  ],
  [
    {
      table: "visit_occurrence",
      columns: ["provider_id", "person.provider_id"],
      order_by: [{ column: "person.provider_id" }, "provider_id"],
      concept_name: true,
    },
    '"t"."provider_id" as "provider_id", "p"."provider_id" as "person_provider_id" ' +
    `from "cdm"."visit_occurrence" as "t" ${JOIN} ` +
    'order by "person_provider_id" asc nulls last, "provider_id" asc nulls last',
    [],
  ],
  [
    {
      table: "visit_occurrence",
      group_by: ["person.care_site_id"],
      aggregates: [{ fn: "max", column: "person.provider_id" }],
    },
    '"p"."care_site_id" as "person_care_site_id", max("p"."provider_id") as "max_person_provider_id" ' +
    `from "cdm"."visit_occurrence" as "t" ${JOIN} group by "p"."care_site_id"`,
    [],
  ],
];

for (const [input, expected, values] of PERSONS) {
  Deno.test(`compileOmopQuery() joins the person for ${JSON.stringify(input)}`, function person() {
    const { sql, parameters } = compile(input);
    assert.equal(sql, `select ${expected} limit $${values.length + 1}`);
    assert.deepEqual(parameters, [...values, 10_001]);
  });
}

Deno.test("compileOmopQuery() names and types every aggregate", function aggregates() {
  const { sql, columns } = compile({
    table: "drug_exposure",
    aggregates: [
      { fn: "count" },
      { fn: "count", column: "person_id", distinct: true },
      { fn: "sum", column: "days_supply" },
      { fn: "sum", column: "quantity" },
      { fn: "avg", column: "days_supply" },
      { fn: "min", column: "drug_exposure_start_date" },
      { fn: "max", column: "drug_source_value" },
      { fn: "stddev", column: "quantity" },
      { fn: "median", column: "quantity" },
    ],
  });
  assert.deepEqual(columns.map(({ name, type }) => ({ name, type })), [
    { name: "count", type: "bigint" },
    { name: "count_distinct_person_id", type: "bigint" },
    { name: "sum_days_supply", type: "bigint" },
    { name: "sum_quantity", type: "numeric" },
    { name: "avg_days_supply", type: "numeric" },
    { name: "min_drug_exposure_start_date", type: "date" },
    { name: "max_drug_source_value", type: "text" },
    { name: "stddev_quantity", type: "numeric" },
    { name: "median_quantity", type: "numeric" },
  ]);
  assert(sql.includes('count(distinct "t"."person_id") as "count_distinct_person_id"'));
  assert(sql.includes('cast(percentile_cont(0.5) within group (order by "t"."quantity") as numeric)'));
});

Deno.test("compileOmopQuery() fetches one row beyond the lower of limit and maxRows", function limits() {
  const query = omopQuerySchema("5.4").parse({ table: "person", limit: 500 });
  const low = compileOmopQuery(query, { version: "5.4", schema: "cdm", maxRows: 100 });
  assert.deepEqual([low.limit, low.parameters], [100, [101]]);
  const high = compileOmopQuery(query, { version: "5.4", schema: "cdm", maxRows: 1_000 });
  assert.deepEqual([high.limit, high.parameters], [500, [501]]);
  assert.equal(compile({ table: "person" }).limit, 10_000);
});

Deno.test("compileOmopQuery() follows the version", function versions() {
  const columns: OmopQueryInput["columns"] = ["admitting_source_concept_id"];
  assert(compile({ table: "visit_occurrence", columns }, "5.3").sql.includes("admitting_source_concept_id"));
  assert.throws(() => compile({ table: "visit_occurrence", columns }, "5.4"), /has no column/);
});

/** The name of a concept, as the result selects it. */
function nameOf(id: string): string {
  return `(select "c"."concept_name" from "cdm"."concept" as "c" where "c"."concept_id" = ${id} limit 1)`;
}

function compile(input: OmopQueryInput, version: CdmVersion = "5.4"): CompiledOmopQuery {
  return compileOmopQuery(omopQuerySchema(version).parse(input), {
    version,
    schema: "cdm",
    maxRows: 1_000_000,
  });
}

Deno.test("compileOmopQuery() accepts SQL's count(*), `n desc` and names in any case", function asInSql() {
  const usual = compile({
    table: "death",
    group_by: ["person.gender_concept_id"],
    aggregates: [{ fn: "count", as: "n" }],
    order_by: ["-n", "gender_concept_id"],
  });
  const written = compile({
    table: "death",
    columns: ["PERSON.gender_concept_id"],
    group_by: ["person.Gender_Concept_Id"],
    aggregates: [{ fn: "count", column: "*", as: "n" }],
    order_by: ["N DESC", "person.gender_concept_id asc"],
  });
  assert.equal(written.sql, usual.sql);
});

Deno.test("compileOmopQuery() joins two tables where the paths to them begin with the same 63 characters", () => {
  const before = "preceding_visit_occurrence.preceding_visit_occurrence";
  const { sql, columns } = compileOmopQuery(
    omopQuerySchema("5.4").parse({
      table: "visit_occurrence",
      columns: [
        `${before}.visit_concept.concept_code as code`,
        `${before}.visit_source_concept.concept_code as source`,
        `${before}.visit_start_date`,
      ],
    }),
    { version: "5.4", schema: "cdm", maxRows: 5 },
  );
  const aliases = [...sql.matchAll(/ as "([^"]+)" on /g)].map(([, alias = ""]) => alias);
  assert.equal(new Set(aliases).size, 4, sql);
  for (const name of [...aliases, ...columns.map((column) => column.name)]) assert(name.length <= 63, name);
});

Deno.test("compileOmopQuery() counts windows from a row's end, and applies criteria before the pick", () => {
  const persons = {
    with: [{
      table: "drug_exposure",
      window: { from: 1, to: 30, of: "end" as const },
      overlaps: true,
      before_per_person: true,
    }],
    without: [{ table: "death", window: { to: 0 } }],
  };
  const { sql, meaning } = compile({ table: "visit_occurrence", per_person: "last", persons });
  const [picked = "", after = ""] = sql.split(' order by "t"."person_id"');
  const end = `coalesce("t"."visit_end_date", "t"."visit_start_date")`;
  assert(picked.includes(`("e0"."drug_exposure_start_date" - ${end}) >= 1`), sql);
  assert(picked.includes(`"e0"."drug_exposure_start_date" <= ${end}`), sql);
  assert.match(after, /not exists \(select 1 from "cdm"\."death"/);
  assert(!after.includes("drug_exposure"), sql);
  assert.equal(
    meaning,
    "rows of visit_occurrence; of persons with drug_exposure, 1 to 30 days from the row's end, whose time overlaps the row's; " +
      "of those each person's last by visit_start_date; of persons without death, any number of to 0 days from the row's date",
  );
  // Events that have one date end on it.
  const one = compile({
    table: "measurement",
    persons: { with: [{ table: "death", window: { to: 0, of: "end" } }] },
  });
  assert(one.sql.includes(`("e0"."death_date" - "t"."measurement_date") <= 0`), one.sql);
});
