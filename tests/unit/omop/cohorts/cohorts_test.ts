import assert from "node:assert/strict";
import { sql } from "kysely";
import { CDM_VERSIONS, cdmTable } from "../../../../src/omop/cdm/mod.ts";
import {
  type CohortDefinitionInput,
  cohortMeaning,
  fromCirce,
  readCohort,
  toCirce,
} from "../../../../src/omop/cohorts/mod.ts";
import { HELD_COHORT } from "../../../../src/omop/query/cohort_table.ts";
import { EVENT_TABLE_NAMES, eventTable } from "../../../../src/omop/cohorts/event_tables.ts";

const DIABETES = [{ concept_id: 201826, include_descendants: true }];
const NOTHING = [{ concept_id: 201826, exclude: true }];
const DEATH = [{ table: "death" }];
const ENTRY = [{ table: "condition_occurrence" as const, concepts: DIABETES }];

Deno.test("every table of events has the columns that its events are read from, in both versions of the CDM", () => {
  for (const version of CDM_VERSIONS) {
    for (const name of EVENT_TABLE_NAMES) {
      const { concept, key, start, end, valued } = eventTable(name);
      const table = name === "cohort" ? HELD_COHORT : cdmTable(version, name);
      const columns = table.columns.map((column) => column.name);
      const read = [
        "person_id",
        key,
        start,
        ...[concept, end.column, end.supply].filter((one) => one !== undefined),
        ...(valued === true ? ["value_as_number", "unit_concept_id"] : []),
      ];
      for (const one of read) assert.ok(columns.includes(one), `${version} ${name}.${one}`);
    }
  }
});

Deno.test("toCirce() writes each concept set once, and ranges under the names that circe has for the table", () => {
  const circe = toCirce(
    readCohort({
      entry: [
        ...ENTRY,
        { table: "condition_era", concepts: DIABETES, dates: { from: "2020-01-01" } },
        { table: "observation_period", dates: { from: "2020-01-01", to: "2020-12-31" } },
        { table: "measurement", value: { min: 6.5 }, units: [8554] },
      ],
      without: [{ ...ENTRY[0], table: "condition_occurrence", window: { to: -1 }, at_least: 3 }],
    }),
    new Map(),
  );
  assert.deepEqual(circe["PrimaryCriteria"], {
    CriteriaList: [
      { ConditionOccurrence: { CodesetId: 0 } },
      { ConditionEra: { CodesetId: 0, EraStartDate: { Value: "2020-01-01", Op: "gte" } } },
      { ObservationPeriod: { PeriodStartDate: { Value: "2020-01-01", Extent: "2020-12-31", Op: "bt" } } },
      { Measurement: { ValueAsNumber: { Value: 6.5, Op: "gte" }, Unit: [{ CONCEPT_ID: 8554 }] } },
    ],
    ObservationWindow: { PriorDays: 0, PostDays: 0 },
    PrimaryCriteriaLimit: { Type: "All" },
  });
  assert.deepEqual(circe["ConceptSets"], [{
    id: 0,
    name: "201826",
    expression: {
      items: [{
        concept: { CONCEPT_ID: 201826 },
        isExcluded: false,
        includeDescendants: true,
        includeMapped: false,
      }],
    },
  }]);
});

Deno.test("cohortMeaning() says what a definition means, defaults too", () => {
  assert.deepEqual(cohortMeaning(readCohort({ entry: ENTRY })), [
    "Entry: condition_occurrence of 201826 with descendants; under observation at the start",
    "Kept: each person's first entry event that meets all rules",
    "Exit: end of the observation period",
  ]);
  const definition: CohortDefinitionInput = {
    entry: [{ table: "measurement", value: { min: 6.5 }, dates: { to: "2020-01-01" } }],
    entry_limit: "last",
    with: [{ table: "visit_occurrence", window: { from: -365, to: 0 }, at_least: 2 }],
    without: [{ table: "death", outside_observation: true }],
    limit: "all",
    exit: { days_after_end: 30 },
    merge_gap_days: 1,
  };
  assert.deepEqual(cohortMeaning(readCohort(definition)), [
    "Entry: each person's last measurement that starts to 2020-01-01 with value at least 6.5; under observation at the start",
    "Rule: at least 2 visit_occurrence, from 365 days before entry to the day of entry",
    "Rule: no death, at any time",
    "Exit: 30 days after the end of the entry event, at the latest at the end of the observation period",
    "Merged: periods of a person at most 1 day apart",
  ]);
});

Deno.test("a group of conditions is one rule, in words and as circe's group; in `without`, the group as a whole does not hold", () => {
  const definition = (list: "with" | "without") =>
    readCohort({
      entry: ENTRY,
      [list]: [
        {
          any_of: [{ table: "death" }, {
            all_of: [{ sex: "female", age: { min: 40 } }, { table: "specimen", at_most: 0 }],
          }],
        },
        { of: [...DEATH, { age: { max: 9 } }, { sex: "male" }], at_least: 2, name: "two of three" },
      ],
    });
  const rules = (list: "with" | "without") =>
    cohortMeaning(definition(list)).filter((line) => line.startsWith("Rule")).map((line) =>
      line.replaceAll(", at any time of the observation period", "")
    );
  assert.deepEqual(rules("with"), [
    "Rule: any of (a death; all of (all of (age at least 40, as year of entry minus year of birth; female); no specimen))",
    "Rule: at least 2 of (a death; age at most 9, as year of entry minus year of birth; male)",
  ]);
  assert.match(rules("without").join(), /^Rule: none of \(.*,Rule: at most 1 of \(/);
  const circe = JSON.stringify(toCirce(definition("with"), new Map())["InclusionRules"]);
  assert.match(
    circe,
    /"Type":"ANY","CriteriaList":\[\{"Criteria":\{"Death".*"Groups":\[\{"Type":"ALL","CriteriaList":\[\{"Criteria":\{"Specimen"/,
  );
  assert.match(circe, /\{"name":"two of three","expression":\{"Type":"AT_LEAST","Count":2,/);
  assert.match(JSON.stringify(toCirce(definition("without"), new Map())), /"Type":"AT_MOST","Count":1,/);
});

Deno.test("readCohort() refuses what has no meaning", () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{}, /Cannot read entry/],
    [{ entry: [{ table: "person" }] }, /Cannot read entry\[0\]\.table/],
    [
      { entry: ENTRY, with: [{ table: "death", window: { from: 2, to: 1 } }] },
      /Cannot use with\[0\]: window from 2 to 1/,
    ],
    [{ entry: [{ table: "observation_period", concepts: DIABETES }] }, /observation_period has none/],
    [{ entry: [{ table: "drug_exposure", value: { min: 1 } }] }, /drug_exposure has no numbers/],
    [{ entry: [{ table: "death", dates: { from: "2020-02-30" } }] }, /Cannot read entry\[0\]\.dates\.from/],
    [
      { entry: ENTRY, exit: { days_after_start: 1, drug_era: { concepts: DIABETES } } },
      /it has several ends/,
    ],
    [{ entry: ENTRY, exclude: [] }, /Unrecognized key/],
    [{ entry: [{ ...ENTRY[0], concepts: NOTHING }] }, /set of entry: it has only items with exclude/],
    [
      { entry: ENTRY, with: [{ any_of: [{ ...ENTRY[0], concepts: NOTHING }] }] },
      /set of with\[0\]\.any_of\[0\]: it/,
    ],
    [{ entry: ENTRY, exit: { drug_era: { concepts: NOTHING } } }, /set of exit\.drug_era: it has only/],
    [{ entry: [{ table: "cohort", cohort: "x" }] }, /Cannot use a cohort in entry/],
    [{ entry: ENTRY, with: [{ ...DEATH[0], cohort: "x" }] }, /Cannot use a cohort in with\[0\]/],
    [
      { entry: ENTRY, with: [{ any_of: [{ table: "person" }] }] },
      /Cannot read with\[0\]\.any_of\[0\]\.table/,
    ],
    [{ entry: ENTRY, with: [{ any_of: [] }] }, /Cannot read with\[0\]\.any_of/],
    [{ entry: ENTRY, with: [{ any_of: DEATH, all_of: DEATH }] }, /only one of any_of, all_of and of/],
    [{ entry: ENTRY, with: [{ any_of: DEATH, at_least: 1 }] }, /at_least or at_most belongs to of/],
    [{ entry: ENTRY, with: [{ of: DEATH }] }, /at_least or at_most belongs to of/],
    [{ entry: ENTRY, with: [{ of: DEATH, at_least: 2 }] }, /it has 1 conditions, and at least 2 never hold/],
    [{ entry: ENTRY, without: [{ of: DEATH, at_most: 1 }] }, /at most 1 always hold/],
    [{ entry: ENTRY, with: [{ table: "death", at_least: 1, at_most: 1 }] }, /it has at_least and at_most/],
    [{ entry: ENTRY, with: [{ any_of: [{ age: {} }] }] }, /with\[0\]\.any_of\[0\]: its age has no limit/],
    [{ entry: ENTRY, with: [nested(6)] }, /at most 5 deep/],
    [
      {
        entry: ENTRY,
        with: Array.from({ length: 6 }, () => ({ any_of: Array.from({ length: 20 }, () => DEATH[0]) })),
      },
      /a definition with 121 events: at most 100/,
    ],
  ];
  for (const [input, message] of refused) {
    assert.throws(() => readCohort(input), { code: "invalid_argument", message });
  }
  const empty = { entry: [{ ...ENTRY[0], concepts: NOTHING }], exit: { drug_era: { concepts: NOTHING } } };
  assert.equal(readCohort(empty, undefined, { imported: true }).entry.length, 1);
});

function nested(depth: number): unknown {
  return depth === 0 ? DEATH[0] : { any_of: [nested(depth - 1)] };
}

Deno.test("readCohort() finds each cohort once, however often groups name it before their events are too many", () => {
  const asked: string[] = [];
  function find(name: string) {
    asked.push(name);
    return sql`select`;
  }
  const twenty = (member: unknown) => ({ any_of: Array.from({ length: 20 }, () => member) });
  const entry = [{ table: "cohort", cohort: "a" }];
  const many = twenty(twenty({ table: "cohort", cohort: "b" }));
  assert.throws(() => readCohort({ entry, with: [many] }, find), /Cannot use a definition with 401 events/);
  assert.deepEqual(asked, ["a", "b"]);
});

Deno.test("readCohort() and fromCirce() refuse groups of any depth with the same error", () => {
  let member: unknown = { table: "death" };
  let Groups: unknown = [];
  for (let levels = 0; levels < 20_000; levels += 1) {
    member = { any_of: [member] };
    Groups = [{ Type: "ALL", Groups }];
  }
  const refused = { code: "invalid_argument", message: /more than 100 levels/ };
  assert.throws(() => readCohort({ entry: DEATH, with: [member] }), refused);
  assert.throws(() => fromCirce({ AdditionalCriteria: { Type: "ALL", Groups } }), refused);
});
