import assert from "node:assert/strict";
import * as z from "zod";
import { fromCirce, readCohort, toCirce } from "../../../../src/omop/cohorts/mod.ts";
import { MOST_NAME } from "../../../../src/omop/cohorts/schema.ts";
import vectors from "../../../vectors/cohorts/cohorts.json" with { type: "json" };

const CIRCES = z.object({ cohorts: z.array(z.object({ circe: z.record(z.string(), z.unknown()) })) })
  .parse(vectors).cohorts.map(({ circe }) => circe);

/** What ATLAS writes where nothing is chosen. */
const DEFAULTS = { First: null, ConditionTypeExclude: false, VisitType: [] };
const [FIRST] = CIRCES;

function again(circe: unknown): unknown {
  return toCirce(readCohort(fromCirce(circe)), new Map());
}

/** As JSON, without what is beyond the longest name. */
function json(circe: unknown): unknown {
  const cut = (key: string, value: unknown) => key === "name" ? String(value).slice(0, MOST_NAME) : value;
  return JSON.parse(JSON.stringify(circe), cut);
}

function withRule(expression: unknown): unknown {
  return { ...MINIMAL, InclusionRules: [{ name: "rule", expression }] };
}

const MINIMAL = {
  ConceptSets: [{
    id: 7,
    name: "x",
    expression: { items: [{ concept: { CONCEPT_ID: 201826 }, includeDescendants: true }] },
  }],
  PrimaryCriteria: {
    CriteriaList: [{ ConditionOccurrence: { CodesetId: 7, ...DEFAULTS } }],
    ObservationWindow: { PriorDays: 365, PostDays: 0 },
    PrimaryCriteriaLimit: { Type: "First" },
  },
  QualifiedLimit: { Type: "First" },
  ExpressionLimit: { Type: "First" },
  InclusionRules: [],
  CensoringCriteria: [],
  CollapseSettings: { CollapseType: "ERA", EraPad: 0 },
  CensorWindow: { StartDate: null },
};
const WINDOW = { Start: { Days: null, Coeff: -1 }, End: { Days: 1, Coeff: -1 }, UseEventEnd: false };
const DEATH = {
  Criteria: { Death: {} },
  StartWindow: WINDOW,
  Occurrence: { Type: 2, Count: 1, IsDistinct: false },
};

Deno.test("fromCirce() reads what toCirce() writes: all definitions of the vectors, groups too", () => {
  assert.ok(CIRCES.length > 100 && JSON.stringify(CIRCES).includes('"AT_LEAST"'));
  for (const circe of CIRCES) assert.deepEqual(json(again(circe)), json(circe));
});

Deno.test("fromCirce() reads what ATLAS writes besides: defaults, exact numbers, both sexes", () => {
  assert.deepEqual(fromCirce(MINIMAL), {
    entry: [{ table: "condition_occurrence", concepts: [{ concept_id: 201826, include_descendants: true }] }],
    prior_observation_days: 365,
    post_observation_days: 0,
    entry_limit: "first",
    with: [],
    limit: "first",
    exit: {},
    merge_gap_days: 0,
  });
  const death = { table: "death", window: { from: undefined, to: -1 } };
  const rule = {
    Type: "ANY",
    CriteriaList: [DEATH, { ...DEATH, Occurrence: { Type: 0, Count: 2 } }, {
      ...DEATH,
      Occurrence: { Type: 0, Count: 0 },
    }],
    DemographicCriteriaList: [{
      Age: { Value: 40, Op: "eq" },
      Gender: [{ CONCEPT_ID: 8507 }, { CONCEPT_ID: 8532 }],
    }],
    Groups: [],
  };
  assert.deepEqual(fromCirce(withRule(rule)).with, [{
    any_of: [
      { ...death, at_least: 1 },
      { all_of: [{ ...death, at_least: 2 }, { ...death, at_most: 2 }] },
      { ...death, at_most: 0 },
      { all_of: [{ age: { min: 40, max: 40 } }, { any_of: [{ sex: "male" }, { sex: "female" }] }] },
    ],
    name: "rule",
  }]);
});

Deno.test("fromCirce() refuses what the short form cannot express, and says where it is", () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{}, /Cannot read circe\.PrimaryCriteria/],
    [
      { ...FIRST, PrimaryCriteria: { ...MINIMAL.PrimaryCriteria, CriteriaList: [{ LocationRegion: {} }] } },
      /LocationRegion/,
    ],
    [
      withRule({ Type: "ALL", CriteriaList: [{ ...DEATH, EndWindow: WINDOW }] }),
      /circe\.InclusionRules\[0\].*EndWindow/,
    ],
    [withRule({ Type: "ALL", CriteriaList: [{ ...DEATH, RestrictVisit: true }] }), /RestrictVisit/],
    [withRule({ Type: "ALL", Groups: [{ Type: "ALL", CriteriaList: [] }] }), /must have a condition/],
    [withRule({ Type: "ALL", DemographicCriteriaList: [{ Race: [{ CONCEPT_ID: 1 }] }] }), /Race/],
    [
      withRule({ Type: "ALL", CriteriaList: [{ ...DEATH, Criteria: { Death: { CodesetId: 1 } } }] }),
      /it has no concept set 1/,
    ],
    [
      withRule({
        Type: "ALL",
        CriteriaList: [{
          ...DEATH,
          Criteria: { Death: { EraStartDate: { Value: "2020-01-01", Op: "gte" } } },
        }],
      }),
      /Death has EraStartDate/,
    ],
    [
      { ...MINIMAL, AdditionalCriteria: { Type: "ALL", CriteriaList: [DEATH] } },
      /QualifiedLimit: must be All/,
    ],
    [{ ...MINIMAL, CensorWindow: { StartDate: "2020-01-01" } }, /circe\.CensorWindow/],
  ];
  for (const [input, message] of refused) {
    assert.throws(() => readCohort(fromCirce(input)), { code: "invalid_argument", message });
  }
});

Deno.test("fromCirce() refuses a range without its upper end, which would be a condition without one", () => {
  const rule = { Type: "ALL", DemographicCriteriaList: [{ Age: { Value: 40, Op: "bt" } }] };
  assert.throws(() => fromCirce(withRule(rule)), { code: "invalid_argument", message: /must have Extent/ });
});

Deno.test("fromCirce() reads only the concept sets that are used, and refuses an empty one of an event", () => {
  const ConceptSets = [...MINIMAL.ConceptSets, { id: 8, name: "empty", expression: { items: [] } }];
  assert.deepEqual(fromCirce({ ...MINIMAL, ConceptSets }), fromCirce(MINIMAL));
  const CensoringCriteria = [{ ConditionOccurrence: { CodesetId: 8 } }];
  assert.throws(() => fromCirce({ ...MINIMAL, ConceptSets, CensoringCriteria }), {
    code: "invalid_argument",
    message: /^Cannot read the concept set 8 of circe: it has no concepts/,
  });
});
