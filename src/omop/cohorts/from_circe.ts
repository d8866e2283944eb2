/** A cohort's definition in circe's JSON, as ATLAS exports it, in the short form. It reads what the short form can express. */
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { beforeSplit } from "../../lib/cut_text.ts";
import { argumentPath } from "../../lib/argument_path.ts";
import { isRecord } from "../../lib/is_record.ts";
import { atlasSchema, conceptIdSchema, fromAtlas } from "../concepts/mod.ts";
import { EVENT_TABLE_NAMES, eventTable } from "./event_tables.ts";
import { SEX } from "./expression.ts";
import { type CohortDefinitionInput, type CohortMember, MOST_NAME, shallow } from "./schema.ts";

type Event = CohortDefinitionInput["entry"][number];
/** Reads a concept set by its id when an event uses it: ATLAS exports others, too, and empty ones. */
type Sets = (id: number) => NonNullable<Event["concepts"]>;

const limit = z.strictObject({ Type: z.enum(["First", "Last", "All"]) });
const LIMITS = { First: "first", Last: "last", All: "all" } as const;

function range<T extends string | number>(value: z.ZodType<T>) {
  return z.strictObject({ Value: value, Extent: value.optional(), Op: z.enum(["bt", "gte", "lte", "eq"]) })
    .refine(({ Op, Extent }) => Op !== "bt" || Extent !== undefined, "must have Extent with bt");
}

interface Range<T> {
  readonly Value: T;
  readonly Extent?: T | undefined;
  readonly Op: "bt" | "gte" | "lte" | "eq";
}

const dates = range(z.iso.date());
const concept = z.object({ CONCEPT_ID: conceptIdSchema });

const fieldsSchema = z.strictObject({
  CodesetId: z.int().optional(),
  First: z.literal(true).optional(),
  OccurrenceStartDate: dates.optional(),
  EraStartDate: dates.optional(),
  PeriodStartDate: dates.optional(),
  ValueAsNumber: range(z.number()).optional(),
  Unit: z.array(concept).optional(),
});

const CIRCE_TABLES = new Map(EVENT_TABLE_NAMES.flatMap((table) => {
  const { circe } = eventTable(table);
  return circe === undefined ? [] : [[circe, table] as const];
}));

/** A criterion: its circe's name with its fields. */
const criterionSchema = z.strictObject(
  Object.fromEntries([...CIRCE_TABLES.keys()].map((circe) => [circe, fieldsSchema.optional()])),
).refine((criterion) => Object.keys(criterion).length === 1, "must be one criterion");

const endpoint = z.strictObject({ Days: z.int().min(0).optional(), Coeff: z.literal([-1, 1]) });

const corelatedSchema = z.strictObject({
  Criteria: criterionSchema,
  StartWindow: z.strictObject({ Start: endpoint, End: endpoint }),
  Occurrence: z.strictObject({ Type: z.literal([0, 1, 2]), Count: z.int().min(0) }),
  IgnoreObservationPeriod: z.literal(true).optional(),
});

const demographicSchema = z.strictObject({
  Age: range(z.int()).optional(),
  Gender: z.array(z.object({ CONCEPT_ID: z.literal([SEX.male, SEX.female]) })).optional(),
}).refine((one) => Object.keys(one).length > 0, "must have Age or Gender");

interface Group {
  readonly Type: "ALL" | "ANY" | "AT_LEAST" | "AT_MOST";
  readonly Count?: number | undefined;
  readonly CriteriaList: readonly z.infer<typeof corelatedSchema>[];
  readonly DemographicCriteriaList: readonly z.infer<typeof demographicSchema>[];
  readonly Groups: readonly Group[];
}

const groupSchema: z.ZodType<Group, unknown> = z.lazy(() =>
  z.strictObject({
    Type: z.enum(["ALL", "ANY", "AT_LEAST", "AT_MOST"]),
    Count: z.int().optional(),
    CriteriaList: z.array(corelatedSchema).default([]),
    DemographicCriteriaList: z.array(demographicSchema).default([]),
    Groups: z.array(groupSchema.refine(isFilled, "must have a condition")).default([]),
  })
);

/** An empty group holds, and counts as one condition of the group around it. */
function isFilled({ CriteriaList, DemographicCriteriaList, Groups }: Group): boolean {
  return CriteriaList.length + DemographicCriteriaList.length + Groups.length > 0;
}

const circeSchema = z.strictObject({
  cdmVersionRange: z.string().optional(),
  ConceptSets: z.array(z.object({ id: z.int() }).loose()).default([]),
  PrimaryCriteria: z.strictObject({
    CriteriaList: z.array(criterionSchema),
    ObservationWindow: z.strictObject({ PriorDays: z.int().default(0), PostDays: z.int().default(0) }),
    PrimaryCriteriaLimit: limit,
  }),
  AdditionalCriteria: groupSchema.optional(),
  QualifiedLimit: limit.default({ Type: "All" }),
  ExpressionLimit: limit.default({ Type: "All" }),
  InclusionRules: z.array(z.strictObject({
    name: z.string().default(""),
    description: z.string().optional(),
    expression: groupSchema,
  })).default([]),
  EndStrategy: z.strictObject({
    DateOffset: z.strictObject({ DateField: z.enum(["StartDate", "EndDate"]), Offset: z.int() }).optional(),
    CustomEra: z.strictObject({
      DrugCodesetId: z.int(),
      GapDays: z.int().default(0),
      Offset: z.int().default(0),
    }).optional(),
  }).optional(),
  CensoringCriteria: z.array(criterionSchema).default([]),
  CollapseSettings: z.strictObject({ CollapseType: z.literal("ERA"), EraPad: z.int().default(0) }).default({
    CollapseType: "ERA",
    EraPad: 0,
  }),
  CensorWindow: z.strictObject({}).default({}),
}).refine(
  ({ AdditionalCriteria, QualifiedLimit }) =>
    AdditionalCriteria === undefined || QualifiedLimit.Type === "All",
  { path: ["QualifiedLimit"], message: "must be All where there are additional criteria" },
);

/**
 * Reads circe's JSON.
 *
 * @param input The expression, as ATLAS exports it. What is null, false or an empty list in it is absent.
 * @returns The definition in the short form, unchecked: `readCohort` reads it.
 * @throws {OmcpError} `invalid_argument` with the first part that the short form cannot express.
 */
export function fromCirce(input: unknown): CohortDefinitionInput {
  const parsed = circeSchema.safeParse(withoutEmpty(shallow(input, "circe")));
  if (!parsed.success) throw unreadable(parsed.error);
  const circe = parsed.data;
  const { PrimaryCriteria: primary, EndStrategy: { DateOffset: offset, CustomEra: era } = {} } = circe;
  const written = new Map(circe.ConceptSets.map((set) => [set.id, set]));
  const sets: Sets = (id) => itemsOf(written.get(id) ?? missingSet(id));
  const rules = [
    ...(circe.AdditionalCriteria === undefined ? [] : [{ name: "", expression: circe.AdditionalCriteria }]),
    ...circe.InclusionRules,
  ];
  const censor = circe.CensoringCriteria.map((criterion) => eventOf(criterion, sets));
  return {
    entry: primary.CriteriaList.map((criterion) => eventOf(criterion, sets)),
    prior_observation_days: primary.ObservationWindow.PriorDays,
    post_observation_days: primary.ObservationWindow.PostDays,
    entry_limit: LIMITS[primary.PrimaryCriteriaLimit.Type],
    with: rules.flatMap(({ name, expression }) => memberOf(expression, sets, name)),
    limit: LIMITS[circe.ExpressionLimit.Type],
    exit: {
      ...(offset === undefined
        ? {}
        : { [offset.DateField === "StartDate" ? "days_after_start" : "days_after_end"]: offset.Offset }),
      ...(era === undefined ? {} : {
        drug_era: {
          concepts: sets(era.DrugCodesetId),
          gap_days: era.GapDays,
          extra_days: era.Offset,
        },
      }),
      ...(censor.length === 0 ? {} : { censor }),
    },
    merge_gap_days: circe.CollapseSettings.EraPad,
  };
}

/** Without what ATLAS writes for a default: null, false and empty lists. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isRecord(value)) return value;
  const isEmpty = (one: unknown) => one === null || one === false || Array.isArray(one) && one.length === 0;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => !isEmpty(one)).map(([key, one]) => [key, withoutEmpty(one)]),
  );
}

function itemsOf(set: Readonly<Record<string, unknown>>): NonNullable<Event["concepts"]> {
  const parsed = atlasSchema.safeParse(set);
  if (parsed.success) return fromAtlas(parsed.data).items;
  throw new OmcpError(
    "invalid_argument",
    `Cannot read the concept set ${
      String(set["id"])
    } of circe: it has no concepts, or other JSON than ATLAS's`,
    { next: "Give it concepts, or remove what uses it." },
  );
}

function eventOf(criterion: z.infer<typeof criterionSchema>, sets: Sets): Event {
  const [[circe, fields] = ["", undefined]] = Object.entries(criterion);
  const table = CIRCE_TABLES.get(circe);
  if (table === undefined || fields === undefined) throw new TypeError(`Unchecked criterion ${circe}`);
  const { CodesetId: id, First: first, ValueAsNumber: value, Unit: units, ...starts } = fields;
  const { startField } = eventTable(table);
  for (const [field, start] of Object.entries(starts)) {
    if (start !== undefined && field !== startField) {
      throw new OmcpError("invalid_argument", `Cannot read circe: ${circe} has ${field}`, {
        next: `Use ${startField}.`,
      });
    }
  }
  const start = Object.values(starts).find((one) => one !== undefined);
  return {
    table,
    ...(id === undefined ? {} : { concepts: sets(id) }),
    ...(first === undefined ? {} : { first }),
    ...(start === undefined ? {} : { dates: { from: lowest(start), to: highest(start) } }),
    ...(value === undefined ? {} : { value: { min: lowest(value), max: highest(value) } }),
    ...(units === undefined ? {} : { units: units.map(({ CONCEPT_ID }) => CONCEPT_ID) }),
  };
}

function lowest<T>({ Value, Op }: Range<T>): T | undefined {
  return Op === "lte" ? undefined : Value;
}

function highest<T>({ Value, Extent, Op }: Range<T>): T | undefined {
  return Op === "gte" ? undefined : Op === "bt" ? Extent : Value;
}

/** A group as a condition; none for an empty group, which always holds. */
function memberOf(group: Group, sets: Sets, written: string): readonly CohortMember[] {
  const name = written === "" ? {} : { name: beforeSplit(written, MOST_NAME) };
  // Each is one condition: how many of them hold may be counted.
  const members = [
    ...group.CriteriaList.map((one) => corelated(one, sets)),
    ...group.DemographicCriteriaList.map(demographic),
    ...group.Groups.flatMap((one) => memberOf(one, sets, "")),
  ];
  const [member] = members;
  if (member === undefined) return [];
  switch (group.Type) {
    case "ALL":
      return members.length === 1 ? [named(member, name)] : [{ all_of: members, ...name }];
    case "ANY":
      return members.length === 1 ? [named(member, name)] : [{ any_of: members, ...name }];
    case "AT_LEAST":
      return [{ of: members, at_least: group.Count, ...name }];
    case "AT_MOST":
      return [{ of: members, at_most: group.Count, ...name }];
  }
}

/** A condition on the person has no name. */
function named(member: CohortMember, name: { readonly name?: string }): CohortMember {
  return "age" in member || "sex" in member ? member : { ...member, ...name };
}

function corelated(
  { Criteria, StartWindow: { Start, End }, Occurrence: { Type, Count }, IgnoreObservationPeriod }: z.infer<
    typeof corelatedSchema
  >,
  sets: Sets,
): CohortMember {
  const event = {
    ...eventOf(Criteria, sets),
    window: { from: daysOf(Start, -1), to: daysOf(End, 1) },
    ...(IgnoreObservationPeriod === true ? { outside_observation: true } : {}),
  };
  if (Type === 2) return { ...event, at_least: Count };
  const atMost = { ...event, at_most: Count };
  return Type === 1 || Count === 0 ? atMost : { all_of: [{ ...event, at_least: Count }, atMost] };
}

/** Days from the entry; undefined: no limit on that side. */
function daysOf({ Days, Coeff }: z.infer<typeof endpoint>, side: -1 | 1): number | undefined {
  if (Days !== undefined) return Days === 0 ? 0 : Days * Coeff;
  if (Coeff === side) return undefined;
  throw new OmcpError(
    "invalid_argument",
    "Cannot read circe: a window cannot begin with all days after the entry, or end with all days before it",
    { next: "Give that end of the window a number of days." },
  );
}

function demographic({ Age, Gender = [] }: z.infer<typeof demographicSchema>): CohortMember {
  const sexes = Gender.map((one) => ({ sex: one.CONCEPT_ID === SEX.female ? "female" : "male" } as const));
  const [sex, other] = sexes;
  const age = Age === undefined ? {} : { age: { min: lowest(Age), max: highest(Age) } };
  return other === undefined
    ? { ...age, ...sex }
    : { all_of: [...Age === undefined ? [] : [age], { any_of: sexes }] };
}

function missingSet(id: number): never {
  throw new OmcpError("invalid_argument", `Cannot read circe: it has no concept set ${id}`, {
    next: "Export the definition with its concept sets.",
  });
}

function unreadable(error: z.ZodError): OmcpError {
  const [issue] = error.issues;
  return new OmcpError(
    "invalid_argument",
    `Cannot read ${argumentPath(["circe", ...issue?.path ?? []])}: ${issue?.message ?? "unknown"}`,
    { next: "Remove that part, or define the cohort with entry, with, without and exit." },
  );
}
