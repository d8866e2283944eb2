/** Errors of queries, with their next steps. Longer than 300 lines: one table of refused queries. */
import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import {
  compileOmopQuery,
  type FilterOp,
  type OmopFilter,
  type OmopQueryInput,
  omopQuerySchema,
} from "../../../../src/omop/query/mod.ts";

/** Values that do not fit a column of person, with the expected error. */
const VALUES: readonly [string, FilterOp, OmopFilter["value"], RegExp, RegExp][] = [
  ["person_id", "=", "abc", /person_id \(bigint\) with "abc": must be a 64-bit integer/, /201826/],
  ["person_id", "=", 1.5, /bigint/, /201826/],
  ["person_id", "=", 9007199254740992, /bigint\) with 9007199254740992/, /as a string beyond/],
  ["person_id", "=", "9223372036854775808", /64-bit integer/, /201826/],
  ["year_of_birth", "=", 2147483648, /32-bit integer/, /1970/],
  ["year_of_birth", "=", true, /with true/, /1970/],
  ["birth_datetime", "=", "2020-01-01T10:00:00Z", /without a time zone/, /2020-12-31T23:59:00/],
  ["birth_datetime", "=", "2020-01-01 25:00", /timestamp/, /2020-12-31/],
  ["person_source_value", "=", 5, /\(varchar\) with 5: must be a string/, /E11\.9/],
  ["person_source_value", "=", "a\0b", /must be a string/, /E11\.9/],
  ["person_id", "in", [1, "x"], /with "x"/, /201826/],
  ["person_id", "in", 5, /`in` needs a list/, /\[1, 2\]/],
  ["person_id", "between", [1], /needs two values/, /\[1, 10\]/],
  ["person_id", "between", 1, /needs two values/, /\[1, 10\]/],
  ["person_id", "like", "1%", /`like` works on text, and person_id is bigint/, /between/],
  ["person_id", "=", [1], /needs a single value/, /Use `in`/],
  ["person_id", "=", null, /`=` needs a value/, /is null/],
  ["person_id", "is null", 1, /takes no value/, /Omit the value/],
];

/** Queries that fit the schema but not the CDM, with the expected errors. */
const REFUSED: readonly [OmopQueryInput, RegExp, RegExp][] = [
  [{ table: "person", columns: ["gender"] }, /table person has no column "gender"/, /gender_concept_id/],
  [
    { table: "person", columns: ["drug_concept_id"] },
    /no column "drug_concept_id"/,
    /Tables that have drug_concept_id: drug_exposure/,
  ],
  [{ table: "person", group_by: ["yearofbirth"] }, /no column "yearofbirth"/, /Did you mean year_of_birth\?/],
  [
    { table: "condition_occurrence", group_by: ["condition_start_year"] },
    /no column "condition_start_year"/,
    /^Write year\(condition_start_date\)\.$/,
  ],
  [
    { table: "measurement", group_by: ["measurement_month"] },
    /no column/,
    /^Write month\(measurement_date\)\.$/,
  ],
  [{ table: "drug_exposure", group_by: ["year"] }, /no column/, /^Write year\(drug_exposure_start_date\)\.$/],
  [
    { table: "drug_exposure", columns: ["visit.visit_year"] },
    /no column/,
    /^Write year\(visit\.visit_start_date\)\.$/,
  ],
  ...[
    ["condition_occurrence", "start_year", "year(condition_start_date)"],
    ["condition_occurrence", "end_month", "month(condition_end_date)"],
    ["condition_occurrence", "condition_start_date_year", "year(condition_start_date)"],
    ["condition_occurrence", "year_condition_start_date", "year(condition_start_date)"],
    ["condition_occurrence", "condition_occurrence_year", "year(condition_start_date)"],
    ["visit_occurrence", "year_of_visit", "year(visit_start_date)"],
    ["visit_occurrence", "visit_end_quarter", "quarter(visit_end_date)"],
    ["drug_exposure", "exposure_year", "year(drug_exposure_start_date)"],
    ["death", "death_year", "year(death_date)"],
  ].map(([table = "", column = "", meant = ""]): [OmopQueryInput, RegExp, RegExp] => [
    { table, group_by: [column] },
    /no column/,
    new RegExp(`^Write ${RegExp.escape(meant)}\\.$`),
  ]),
  [{ table: "concept", group_by: ["valid_year"] }, /no column "valid_year"/, /year\(valid_start_date\)/],
  [{ table: "death", group_by: ["cause_year"] }, /no column "cause_year"/, /Did you mean|Its columns are/],
  [
    { table: "death", group_by: ["age_group"] },
    /no column "age_group"/,
    /band\(age_at\(death_date\), 0, .* as age_group/,
  ],
  [{ table: "person", group_by: ["birth_year"] }, /no column "birth_year"/, /year_of_birth/],
  [
    { table: "person", aggregates: [{ fn: "max", column: "x_y_z_q" }] },
    /no column "x_y_z_q"/,
    /Its columns are: person_id/,
  ],
  [
    { table: "person", filters: [{ column: "birthday", op: "is null" }] },
    /no column "birthday"/,
    /Its columns|Did you mean/,
  ],
  [
    { table: "person", aggregates: [{ fn: "sum" }] },
    /Cannot compute sum without a column/,
    /\{"fn":"sum","column":"value_as_number"\}/,
  ],
  [
    { table: "condition_occurrence", columns: ["persn.year_of_birth"] },
    /no column "persn\.year_of_birth"/,
    /^Did you mean person\.year_of_birth\?$/,
  ],
  [
    { table: "condition_occurrence", columns: ["c.condition_start_date"] },
    /no column "c\.condition_start_date"/,
    /^Did you mean condition_start_date\?$/,
  ],
  [
    { table: "condition_occurrence", columns: ["condition_date"] },
    /no column "condition_date"/,
    /condition_end_date or condition_start_date/,
  ],
  [
    { table: "person", columns: ["person_id"], order_by: ["race_concept_id"] },
    /Cannot order by "race_concept_id"/,
    /The result's columns are: person_id\. To sort by race_concept_id, add it to columns\./,
  ],
  [
    { table: "person", group_by: ["gender_concept_id"], order_by: ["year_of_birth"] },
    /Cannot order by "year_of_birth"/,
    /To sort by year_of_birth, add it to group_by\./,
  ],
  [
    { table: "person", aggregates: [{ fn: "count", distinct: true }] },
    /count distinct without a column/,
    /person_id/,
  ],
  [
    { table: "person", aggregates: [{ fn: "avg", column: "person_id" }] },
    /avg of person_id: it is an identifier/,
    /count/,
  ],
  [
    { table: "death", aggregates: [{ fn: "median", column: "death_date" }] },
    /it is date, not a quantity/,
    /min or max/,
  ],
  [
    { table: "cost", aggregates: [{ fn: "median", column: "total_cost", distinct: true }] },
    /median of distinct/,
    /Omit distinct/,
  ],
  [
    {
      table: "condition_occurrence",
      filters: [{ column: "condition_concept_name", op: "ilike", value: "%diabetes%" }],
    },
    /no column "condition_concept_name"/,
    /concepts' ids: condition_concept_id\. Find an id.*table concept.*concept_name: true/,
  ],
  [
    { table: "death", columns: ["concept_name"] },
    /no column "concept_name"/,
    /death_type_concept_id, cause_concept_id/,
  ],
  [
    { table: "death", columns: ["person.gender_concept_name"] },
    /no column "gender_concept_name"/,
    /concepts' ids: person\.gender_concept_id\./,
  ],
  [
    { table: "person", filters: [{ column: "year_of_birth", op: "between", value: [1990, 1980] }] },
    /`between` has its values reversed: nothing is between 1990 and 1980/,
    /Pass the lower one first: \[1980,1990\]/,
  ],
  [
    { table: "person", filters: [{ column: "race_concept_id", op: "in", value: [0, null] }] },
    /`in` has null in its list, which no value equals/,
    /\{"or":\[\{"column":"race_concept_id","op":"in","value":\[0\]\},\{"column":"race_concept_id","op":"is null"\}\]\}/,
  ],
  [
    { table: "person", filters: [{ column: "race_concept_id", op: "in", value: [null] }] },
    /null in its list/,
    /^Write \{"column":"race_concept_id","op":"is null"\}\.$/,
  ],
  [
    { table: "person", filters: [{ column: "race_concept_id", op: "not in", value: [null] }] },
    /null in its list/,
    /^Write \{"column":"race_concept_id","op":"is not null"\}\.$/,
  ],
  [
    { table: "person", filters: [{ column: "race_concept_id", op: "not in", value: [0, null] }] },
    /null in its list/,
    /^Leave out null: a missing value passes no `not in`\. To keep .*"value":\[0\]\},\{.*"op":"is null"\}\]\}\.$/,
  ],
  [
    { table: "cost", filters: [{ column: "total_cost", op: "between", value: [1, null] }] },
    /`between` needs two values/,
    /For one of them, use >= or <=\./,
  ],
  [
    { table: "person", filters: [{ column: "year_of_birth", value: 1970 }] },
    /Cannot filter year_of_birth: op is missing/,
    /^Write \{"column":"year_of_birth","op":"=","value":1970\}/,
  ],
  [
    { table: "person", filters: [{ or: [{ column: "year_of_birth", value: [1970, 1971] }] }] },
    /op is missing/,
    /"op":"in","value":\[1970,1971\]/,
  ],
  [
    { table: "person", filters: [{ column: "year_of_birth" }] },
    /op is missing/,
    /^Write \{"column":"year_of_birth","op":"is not null"\}/,
  ],
  [
    { table: "person", filters: [{ column: "gender_concept_id", op: "=", value: "female" }] },
    /with "female"/,
    /a concept's id.*search_concepts/,
  ],
  [
    {
      table: "death",
      filters: [{
        column: "cause_concept_id",
        op: "in_concept_set",
        value: { items: [{ concept_id: 1, include_descendants: true, exclude: true }] },
      }],
    },
    /only items with exclude, so the set is empty/,
    /\{"not":\[\{"column":"cause_concept_id","op":"in_concept_set","value":\{"items":\[\{"concept_id":1,"include_descendants":true\}\]\}\}\]\}/,
  ],
  ...["death_type_concept_id as", "death_date as the day", "year(death_date) as 1st", "death_date as"].map(
    (column): [OmopQueryInput, RegExp, RegExp] => [
      { table: "death", columns: [column] },
      /Cannot read the name after as in "/,
      /one name of letters, digits and _.*as year/,
    ],
  ),
  [
    {
      table: "death",
      columns: ["year(death_date) as y"],
      filters: [{ column: "y", op: ">", value: 2010 }],
    },
    /no column "y"/,
    /^Write year\(death_date\): y is its name in the result/,
  ],
  [
    { table: "death", group_by: ["y"], columns: ["year(death_date) as y"] },
    /no column "y"/,
    /^Write year\(death_date\): y is its name/,
  ],
  [
    {
      table: "death",
      columns: ["death_date as d"],
      per_person: "first",
      filters: [{ column: "d", op: "is null" }],
    },
    /no column "d"/,
    /^Write death_date: d is its name/,
  ],
  [
    {
      table: "death",
      group_by: ["year(death_date) as y"],
      columns: ["y", "cause_concept_id"],
      aggregates: [{ fn: "count" }],
    },
    /Cannot return cause_concept_id: with aggregates/,
    /Add cause_concept_id to group_by/,
  ],
  [
    { table: "person", filters: [{ value: 1 }] },
    /it needs column and op, or only one of or, and, not/,
    /"or"/,
  ],
  [
    {
      table: "condition_occurrence",
      persons: { with: [{ table: "death", filters: [{ column: "death_date", op: "equals", value: 1 }] }] },
    },
    /^Cannot read the filters of death\[0\]\.op: must be one of =, .*; received "equals"$/,
    /"column": "visit_concept_id"/,
  ],
  [
    { table: "condition_occurrence", filters: [{ or: [{ column: "person_id", op: "=", value: [[1]] }] }] },
    /^Cannot read or\[0\]\.value/,
    /"column": "visit_concept_id"/,
  ],
  [
    { table: "person", filters: [{ or: [{ column: "person_id", op: "like" }, { columns: 1 }] }] },
    /^Cannot read or\[1\]: unknown argument "columns" \(did you mean column\?\); allowed: column, op/,
    /"column": "visit_concept_id"/,
  ],
  [
    { table: "person", filters: [{ or: [{ column: "gender_concept_id", concept_ids: [1] }] }] },
    /^Cannot read or\[0\]: unknown argument "concept_ids" \(write "op": "in_concept_set", "value": \{"items"/,
    /"column": "visit_concept_id"/,
  ],
  [
    { table: "person", persons: { without: [{ table: "death", concepts: [{ concept_id: 1 }] }] } },
    /^Cannot read persons\.without\[0\]: unknown argument "concepts" \(write "filters": \[\{"column": …, "op": "in_concept_set"/,
    /"filters": \[conditions\]/,
  ],
  [{ table: "death", columns: ["age"] }, /no column "age"/, /age_at\(death_date\) as age/],
  [{ table: "death", columns: ["sex"] }, /no column "sex"/, /person\.gender_concept_id/],
  [{ table: "death", columns: ["yeer(death_date)"] }, /No function "yeer"/, /year\(condition_start_date\)/],
  [{ table: "death", columns: ["year(person_id)"] }, /year of person_id: it is bigint, not a date/, /year\(/],
  [{ table: "death", columns: ["year(death_date"] }, /Cannot read "year\(death_date"/, /age_at/],
  [{ table: "death", columns: ["band(age_at(death_date), 5, 1)"] }, /its edges must rise/, /band\(/],
  [{ table: "death", columns: ["period.x"] }, /table observation_period has no column "x"/, /period\./],
  [
    { table: "person", columns: ["period.person_id"] },
    /the table person has no date|has no person_id/,
    /about a person/,
  ],
  [{ table: "concept", per_person: "first" }, /the table concept has no person_id/, /about a person/],
  [{ table: "death", then_filters: [{}] }, /then_filters without per_person/, /Use filters/],
  [
    { table: "death", persons: { with: [{ table: "visit_occurrence", window: { from: 1, to: 0 } }] } },
    /window from 1 to 0: it is reversed/,
    /"from": 0, "to": 1/,
  ],
  [
    { table: "person", persons: { with: [{ table: "visit_occurrence", window: { to: 0 } }] } },
    /Cannot use window: the table person has no date/,
    /table of events/,
  ],
  [
    { table: "person", aggregates: [{ fn: "count", as: "n" }], having: [{ column: "m", op: ">", value: 1 }] },
    /"m" in having: it is not an aggregate/,
    /Its aggregates are: n/,
  ],
  [
    { table: "death", filters: [{ column: "cause_concept_id", op: "in_concept_set", value: 5 }] },
    /needs a concept set/,
    /include_descendants/,
  ],
  [
    {
      table: "death",
      filters: [{ column: "death_date", op: "in_concept_set", value: { items: [{ concept_id: 1 }] } }],
    },
    /needs a column of concepts/,
    /condition_concept_id/,
  ],
  [{ table: "death", aggregates: [{ fn: "person_years" }] }, /person_years of death/, /observation_period/],
  [{ table: "concept", aggregates: [{ fn: "count_persons" }] }, /concept has no person_id/, /about a person/],
  [
    { table: "cost", aggregates: [{ fn: "percentile", column: "total_cost" }] },
    /a percentile without p/,
    /"p": 0\.25/,
  ],
  [{ table: "person", columns: ["*"] }, /no column "\*"/, /omit columns/],
  [
    { table: "person", aggregates: [{ fn: "count", column: "*", distinct: true }] },
    /count distinct without a column/,
    /person_id/,
  ],
  [
    { table: "person", aggregates: [{ fn: "count", as: "n" }], order_by: ["n downwards"] },
    /Cannot order by "n downwards"/,
    /"-name" for descending/,
  ],
  [
    { table: "person", aggregates: [{ fn: "count", as: "n" }], order_by: ["-n asc"] },
    /Cannot order by "-n asc"/,
    /"-name" for descending/,
  ],
  [
    { table: "person", order_by: ["person"], columns: ["person_id"] },
    /Cannot order by "person"/,
    /person_id/,
  ],
  [
    { table: "person", columns: ["person_id"], order_by: ["year_of_birth"] },
    /order by "year_of_birth": it is not in the result/,
    /The result's columns are: person_id/,
  ],
  [
    { table: "person", columns: ["person_id", "person_id"] },
    /Duplicate name "person_id" in columns/,
    /Use each name once/,
  ],
  [
    { table: "person", group_by: ["person_id", "person_id"] },
    /Duplicate name "person_id" in group_by/,
    /Use each name once/,
  ],
  [
    { table: "person", aggregates: [{ fn: "count" }, { fn: "count" }] },
    /Duplicate name "count" in the result/,
    /an aggregate with `as`/,
  ],
  [
    { table: "person", columns: ["person_id"], aggregates: [{ fn: "count" }] },
    /Cannot return person_id: with aggregates, columns must be in group_by/,
    /Add person_id to group_by/,
  ],
  [
    { table: "death", columns: ["person.yearofbirth"] },
    /table person has no column "yearofbirth"/,
    /Did you mean person\.year_of_birth\?/,
  ],
  [
    { table: "death", filters: [{ column: "person.", op: "is null" }] },
    /table person has no column ""/,
    /Its columns are: person\.person_id, person\.gender_concept_id/,
  ],
  [
    { table: "death", group_by: ["person.death_date"] },
    /table person has no column "death_date"/,
    /For the column of death, write death_date/,
  ],
  [
    { table: "death", columns: ["year_of_birth"] },
    /table death has no column "year_of_birth"/,
    /For the person's column, write person\.year_of_birth/,
  ],
  [
    { table: "concept", columns: ["person.year_of_birth"] },
    /Cannot use "person\.year_of_birth": the table concept has no person_id/,
    /Query a table whose rows are about a person/,
  ],
  [
    { table: "person", aggregates: [{ fn: "avg", column: "person.year_of_birth" }] },
    /Cannot use "person\.year_of_birth": the table is person itself/,
    /Omit the prefix "person\."/,
  ],
  [
    { table: "death", aggregates: [{ fn: "sum", column: "person.location_id" }] },
    /Cannot compute sum of person\.location_id: it is an identifier/,
    /count/,
  ],
  [
    { table: "death", filters: [{ column: "person.year_of_birth", op: "like", value: "19%" }] },
    /Cannot filter person\.year_of_birth: `like` works on text/,
    /between/,
  ],
  [
    { table: "death", columns: ["person.year_of_birth"], aggregates: [{ fn: "count" }] },
    /Cannot return person\.year_of_birth: with aggregates/,
    /Add person\.year_of_birth to group_by/,
  ],
  [
    { table: "death", columns: ["person_id"], order_by: ["-person.year_of_birth"] },
    /Cannot order by "person\.year_of_birth": it is not in the result/,
    /The result's columns are: person_id/,
  ],
  [
    { table: "death", columns: ["person_id"], order_by: ["person.yearofbirth"] },
    /table person has no column "yearofbirth"/,
    /person\.year_of_birth/,
  ],
  [
    { table: "death", columns: ["person.person_id", "person.person_id"] },
    /Duplicate name "person\.person_id" in columns/,
    /Use each name once/,
  ],
  ...VALUES.map(function onPerson([column, op, value, message, next]): [OmopQueryInput, RegExp, RegExp] {
    return [{ table: "person", filters: [{ column, op, value }] }, message, next];
  }),
  ...["2020-02-30", "2020-13-01", "0000-01-01", "20200101", "2020-1-1", "2020-01-01T00:00"].map(
    function onDate(value): [OmopQueryInput, RegExp, RegExp] {
      return [
        { table: "death", filters: [{ column: "death_date", op: "=", value }] },
        /date as YYYY-MM-DD/,
        /2020-12-31/,
      ];
    },
  ),
  ...["1,5", "NaN", "", "0x10", "1e9999"].map(function onNumber(value): [OmopQueryInput, RegExp, RegExp] {
    return [
      { table: "cost", filters: [{ column: "total_cost", op: ">", value }] },
      /must be a number/,
      /6\.5/,
    ];
  }),
];

for (const [input, message, next] of REFUSED) {
  Deno.test(`compileOmopQuery() refuses ${JSON.stringify(input)}`, function refuses() {
    const query = omopQuerySchema("5.4").parse(input);
    assert.throws(
      () => compileOmopQuery(query, { version: "5.4", schema: "cdm", maxRows: 10 }),
      function check(error) {
        assert(error instanceof OmcpError, String(error));
        assert.equal(error.code, "invalid_argument");
        assert.match(error.message, message);
        assert.match(error.next ?? "", next);
        assert(!error.message.endsWith("."));
        return true;
      },
    );
  });
}

/** Queries that the schema itself refuses. */
const MALFORMED: readonly unknown[] = [
  { table: "episode_events" },
  { table: "person", limit: 0 },
  { table: "person", limit: 1_000_001 },
  { table: "person", limit: 1.5 },
  { table: "person", columns: [] },
  { table: "person", columnz: ["person_id"] },
  { table: "person", filters: [{ column: "person_id", op: "~", value: "x" }] },
  { table: "person", filters: [{ column: "person_id", op: "in", value: [] }] },
  {
    table: "person",
    filters: [{ column: "person_id", op: "in", value: Array.from({ length: 1001 }, (_, at) => at) }],
  },
  { table: "person", filters: [{ column: "person_id", op: "=", value: {} }] },
  { table: "person", aggregates: [{ fn: "variance", column: "person_id" }] },
  { table: "person", aggregates: [{ fn: "count", as: 'n"; drop table person' }] },
  ...[
    "1df",
    "class",
    "None",
    "print",
    "list",
    "__builtins__",
    "_",
    "_x",
    "a b",
    "a.b",
    "a-b",
    "",
    "ValueError",
    "In",
  ]
    .map((into) => ({ table: "person", into })),
];

for (const input of MALFORMED) {
  const shown = JSON.stringify(input).slice(0, 120);
  Deno.test(`omopQuerySchema() refuses ${shown}`, function refuses() {
    assert.equal(omopQuerySchema("5.4").safeParse(input).success, false);
  });
}

Deno.test("omopQuerySchema() accepts valid names, and adds defaults", function accepts() {
  for (const into of ["df", "df_2", "Result", "match", "x".repeat(64)]) {
    assert.equal(omopQuerySchema("5.4").parse({ table: "person", into }).into, into);
  }
  assert.deepEqual(omopQuerySchema("5.3").parse({ table: "person" }), {
    table: "person",
    limit: 10_000,
    into: "omop_df",
  });
});
