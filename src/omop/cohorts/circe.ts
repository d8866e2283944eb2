/** A cohort's definition as circe's JSON, which ATLAS imports. */
import { OmcpError } from "../../errors.ts";
import { type Concept, type ConceptSet, conceptSetHash, toAtlas } from "../concepts/mod.ts";
import { eventTable } from "./event_tables.ts";
import type {
  CohortExit,
  CohortExpression,
  CohortRule,
  EventCriteria,
  EventLimit,
  RuleCount,
  RuleGroup,
} from "./expression.ts";
import { ruleName } from "./meaning.ts";

/** A value for JSON. */
type Json = Readonly<Record<string, unknown>>;

const LIMIT = { first: "First", last: "Last", all: "All" } as const;

/**
 * Writes a definition as circe's expression.
 *
 * @param expression The definition. Ages in completed years become differences of years, the only ones that circe has.
 * @param concepts What is known of its concepts.
 * @returns The expression as a value for JSON.
 * @throws {OmcpError} `invalid_argument` if it contains another cohort.
 */
export function toCirce(expression: CohortExpression, concepts: ReadonlyMap<number, Concept>): Json {
  const sets = new ConceptSets(concepts);
  const { entry, observation, entryLimit, rules, limit, exit, censoring, mergeGapDays } = expression;
  const parts = {
    PrimaryCriteria: {
      CriteriaList: entry.map((events) => criteria(events, sets)),
      ObservationWindow: { PriorDays: observation.priorDays, PostDays: observation.postDays },
      PrimaryCriteriaLimit: limitOf(entryLimit),
    },
    QualifiedLimit: limitOf("all"),
    ExpressionLimit: limitOf(limit),
    InclusionRules: rules.map((rule) => ({ name: ruleName(rule), expression: group(rule, sets, concepts) })),
    ...endStrategy(exit, sets),
    CensoringCriteria: censoring.map((events) => criteria(events, sets)),
    CollapseSettings: { CollapseType: "ERA", EraPad: mergeGapDays },
    CensorWindow: {},
  };
  return { cdmVersionRange: ">=5.0.0", ConceptSets: sets.all, ...parts };
}

/** The concept sets of an expression, each once. */
class ConceptSets {
  readonly #concepts: ReadonlyMap<number, Concept>;
  readonly #ids = new Map<string, number>();
  readonly #all: Json[] = [];

  constructor(concepts: ReadonlyMap<number, Concept>) {
    this.#concepts = concepts;
  }

  get all(): readonly Json[] {
    return this.#all;
  }

  /** The id of a set in the expression. */
  idOf(set: ConceptSet): number {
    const hash = conceptSetHash(set);
    const known = this.#ids.get(hash);
    if (known !== undefined) return known;
    const id = this.#all.length;
    this.#ids.set(hash, id);
    this.#all.push({ id, name: this.#name(set), expression: toAtlas(set, this.#concepts) });
    return id;
  }

  #name({ items: [item, ...rest] }: ConceptSet): string {
    const first = item === undefined
      ? ""
      : this.#concepts.get(item.concept_id)?.concept_name ?? String(item.concept_id);
    return rest.length === 0 ? first : `${first} and ${rest.length} more`;
  }
}

function limitOf(limit: EventLimit): Json {
  return { Type: LIMIT[limit] };
}

function criteria({ table, concepts, first, dates, value, units }: EventCriteria, sets: ConceptSets): Json {
  const { circe, startField } = eventTable(table);
  if (circe === undefined) {
    throw new OmcpError(
      "invalid_argument",
      "Cannot export the definition for ATLAS: it contains another cohort",
      {
        next: "Write that cohort's own conditions in its place.",
      },
    );
  }
  return {
    [circe]: {
      ...(concepts === undefined ? {} : { CodesetId: sets.idOf(concepts) }),
      ...(first ? { First: true } : {}),
      ...range(startField, dates.from, dates.to),
      ...range("ValueAsNumber", value.min, value.max),
      ...(units === undefined ? {} : { Unit: units.map((id) => ({ CONCEPT_ID: id })) }),
    },
  };
}

/** A range with both ends included; without an end, nothing. */
function range(field: string, low: string | number | undefined, high: string | number | undefined): Json {
  if (low !== undefined && high !== undefined) return { [field]: { Value: low, Extent: high, Op: "bt" } };
  if (low !== undefined) return { [field]: { Value: low, Op: "gte" } };
  return high === undefined ? {} : { [field]: { Value: high, Op: "lte" } };
}

/** Conditions as a group of circe's. */
interface CirceGroup extends Json {
  readonly Type: "ALL" | "ANY" | "AT_LEAST" | "AT_MOST";
  readonly Count?: number;
  readonly CriteriaList: readonly Json[];
  readonly DemographicCriteriaList: readonly Json[];
  readonly Groups: readonly Json[];
}

/** A rule as a group of circe's: a rule that is a group stays one, any other becomes a group of one condition. */
function group(rule: CohortRule, sets: ConceptSets, concepts: ReadonlyMap<number, Concept>): CirceGroup {
  const rules = rule.kind === "group" ? rule.rules : [rule];
  return {
    ...(rule.kind === "group" ? groupType(rule) : { Type: "ALL" }),
    CriteriaList: rules.flatMap((one) => one.kind === "events" ? [eventsRule(one, sets)] : []),
    DemographicCriteriaList: rules.flatMap((one) => {
      switch (one.kind) {
        case "age":
          return [range("Age", one.min, one.max)];
        case "sex":
          return [{
            Gender: toAtlas({ items: [{ concept_id: one.concept }] }, concepts).items.map((item) =>
              item.concept
            ),
          }];
        case "events":
        case "group":
          return [];
      }
    }),
    Groups: rules.flatMap((one) => one.kind === "group" ? [group(one, sets, concepts)] : []),
  };
}

function groupType({ count: { is, number }, rules }: RuleGroup): Pick<CirceGroup, "Type" | "Count"> {
  if (is === "at most") return { Type: "AT_MOST", Count: number };
  if (number === rules.length) return { Type: "ALL" };
  return number === 1 ? { Type: "ANY" } : { Type: "AT_LEAST", Count: number };
}

function eventsRule(
  { events, window, count, outsideObservation }: CohortRule & { readonly kind: "events" },
  sets: ConceptSets,
): Json {
  return {
    Criteria: criteria(events, sets),
    StartWindow: {
      Start: endpoint(window.from, -1),
      End: endpoint(window.to, 1),
      UseIndexEnd: false,
      UseEventEnd: false,
    },
    Occurrence: occurrence(count),
    ...(outsideObservation ? { IgnoreObservationPeriod: true } : {}),
  };
}

/** Days before (-1) or after (1) the entry; without days, all. */
function endpoint(days: number | undefined, side: -1 | 1): Json {
  if (days === undefined) return { Coeff: side };
  return days === 0 ? { Days: 0, Coeff: side } : { Days: Math.abs(days), Coeff: Math.sign(days) };
}

/** Circe's types: 0 exactly, 1 at most, 2 at least. */
function occurrence({ is, number }: RuleCount): Json {
  if (is === "at least") return { Type: 2, Count: number };
  return number === 0 ? { Type: 0, Count: 0 } : { Type: 1, Count: number };
}

function endStrategy(exit: CohortExit, sets: ConceptSets): Json {
  switch (exit.kind) {
    case "observation":
      return {};
    case "offset":
      return {
        EndStrategy: {
          DateOffset: { DateField: exit.from === "start" ? "StartDate" : "EndDate", Offset: exit.days },
        },
      };
    case "drug era":
      return {
        EndStrategy: {
          CustomEra: {
            DrugCodesetId: sets.idOf(exit.concepts),
            GapDays: exit.gapDays,
            Offset: exit.extraDays,
          },
        },
      };
  }
}
