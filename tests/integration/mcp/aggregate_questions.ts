/** The research questions in aggregate mode: what is asked, what the answer must show, and how it compares with the verified one. */

/** How an answer compares: equal; different by what the result states; or withheld, and what to ask instead. */
export type Verdict = "equal" | "rounded" | "near" | "withheld" | "refused";

/** One call of a tool, and the lines of its answer. */
export interface AggregateQuestion {
  readonly id: string;
  readonly verdict: Verdict;
  readonly tool: "query_omop" | "define_cohort";
  readonly input: Readonly<Record<string, unknown>>;
  /** Lines that the answer has; `*` is any text. Of several in a list, it has one. */
  readonly shows: readonly Shown[];
}

type Shown = string | readonly string[];

const set = (id: number) => [{ concept_id: id, include_descendants: true }];
const within = (column: string, id: number) => ({ column, op: "in_concept_set", value: { items: set(id) } });
const records = [{ fn: "count" }];
const SEX = ["person.gender_concept_id"];

function ask(
  id: string,
  verdict: Verdict,
  input: AggregateQuestion["input"],
  ...shows: readonly Shown[]
): AggregateQuestion {
  return { id, verdict, tool: "query_omop", input, shows };
}

function define(
  id: string,
  verdict: Verdict,
  input: AggregateQuestion["input"],
  ...shows: readonly string[]
): AggregateQuestion {
  return { id, verdict, tool: "define_cohort", input, shows };
}

const conditions = (id: number, more: object = {}) => ({
  table: "condition_occurrence",
  concepts: set(id),
  ...more,
});
const drugs = (id: number) => ({ table: "drug_exposure", concepts: set(id), first: true });
const BLEED = 192671;
const ULCER = 4027663;
const FEW = "fewer than 21, or none";
const NSAIDS = [
  { name: "naproxen", id: 1115008, users: 959, bled: FEW },
  { name: "celecoxib", id: 1118084, users: 1844, bled: "113" },
  { name: "diclofenac", id: 1124300, users: 850, bled: "46" },
  { name: "ibuprofen", id: 1177480, users: 1451, bled: FEW },
];
const AGES = "band(age_at(observation_period_end_date), 0, 40, 60, 80)";

/** Persons with a drug, by their record: in this CDM each has one of these. */
const STARTS = (id: number) => ({
  table: "drug_exposure",
  filters: [within("drug_concept_id", id)],
});
const AGE_STATISTICS = (date: string) => ["avg", "stddev"].map((fn) => ({ fn, column: `age_at(${date})` }));

function group(id: number, [n, female, white]: readonly number[], age: string): AggregateQuestion[] {
  const date = "drug_exposure_start_date";
  return [
    ask("q11", "rounded", { ...STARTS(id), aggregates: AGE_STATISTICS(date) }, `${n} | ${age}`),
    ask("q11", "equal", { ...STARTS(id), group_by: SEX }, `8532 | FEMALE | ${female}`),
    ask("q11", "equal", {
      ...STARTS(id),
      filters: [...STARTS(id).filters, { column: "person.race_concept_id", op: "=", value: 8527 }],
    }, `${white}`),
  ];
}

/** In the order in which they are asked: earlier answers count. */
export const AGGREGATE_QUESTIONS: readonly AggregateQuestion[] = [
  ask("q01", "equal", {
    table: "condition_occurrence",
    filters: [{ column: "condition_concept_id", op: "=", value: ULCER }],
    aggregates: records,
  }, "802 | 802"),
  ask("q02", "equal", {
    table: "condition_occurrence",
    filters: [{ column: "condition_source_concept_id", op: "=", value: 35208414 }],
  }, "479"),
  // 2,689 of 2,694 persons: the few who have none must not show.
  ask("q03", "near", {
    table: "condition_occurrence",
    filters: [within("condition_concept_id", 4283893)],
    aggregates: records,
  }, "2694 | 20033"),
  define(
    "q04",
    "equal",
    { name: "bleed", entry: [conditions(BLEED, { first: true })] },
    "entry events | 479",
  ),
  ask(
    "q04",
    "equal",
    { table: "observation_period", group_by: [...SEX, AGES] },
    ...[
      "8532 | FEMALE | 0 | 87",
      "8532 | FEMALE | 40 | 707",
      "8532 | FEMALE | 60 | 433",
      "8532 | FEMALE | 80 | 146",
    ],
    ...["8507 | MALE | 0 | 81", "8507 | MALE | 40 | 670", "8507 | MALE | 60 | 454", "8507 | MALE | 80 | 116"],
  ),
  // The youngest, 14 women and 12 men, are too few.
  ask(
    "q04",
    "withheld",
    { table: "observation_period", group_by: [...SEX, AGES], persons: { with: [{ cohort: "bleed" }] } },
    ...[
      "8532 | FEMALE | 40 | 124",
      "8532 | FEMALE | 60 | 73",
      "8532 | FEMALE | 80 | 31",
    ],
    ...["8507 | MALE | 40 | 128", "8507 | MALE | 60 | 74", "8507 | MALE | 80 | 23"],
  ),
  // 57 records of 56 persons: one person's second record is not shown.
  ask("q05", "near", {
    table: "condition_occurrence",
    filters: [within("condition_concept_id", 372328), {
      column: "condition_start_date",
      op: "between",
      value: ["2000-01-01", "2009-12-31"],
    }],
    aggregates: records,
  }, "56 | 56"),
  define("q05", "withheld", {
    name: "first_otitis",
    entry: [conditions(372328, { first: true, dates: { from: "2000-01-01", to: "2009-12-31" } })],
  }, `entry events | ${FEW}`),
  ...NSAIDS.map(({ name, id, users, bled }) =>
    define(
      "q06",
      bled === FEW ? "withheld" : "equal",
      {
        name,
        entry: [drugs(id)],
        with: [conditions(BLEED, { window: { from: 0, to: 30 }, outside_observation: true })],
      },
      `entry events | ${users}`,
      `a condition_occurrence of 192671 with descendants,* | ${bled}`,
    )
  ),
  ask("q07", "near", {
    table: "measurement",
    filters: [{ column: "measurement_concept_id", op: "=", value: 3000963 }],
    aggregates: records,
  }, "136 | 136"),
  // No value is recorded, so that nothing rests on k of them.
  ask("q07", "withheld", {
    table: "measurement",
    filters: [{ column: "measurement_concept_id", op: "=", value: 3000963 }],
    aggregates: [{ fn: "count" }, { fn: "avg", column: "value_as_number" }],
  }, "No row: too few persons, or earlier answers of this session come too near."),
  ask(
    "q08",
    "equal",
    {
      table: "visit_occurrence",
      filters: [{ column: "visit_concept_id", op: "=", value: 9201 }],
      group_by: SEX,
      aggregates: records,
    },
    "8532 | FEMALE | 442 | 526",
    "8507 | MALE | 448 | 511",
  ),
  ask(
    "q08",
    "rounded",
    { table: "observation_period", group_by: SEX, aggregates: [{ fn: "person_years" }] },
    "8532 | FEMALE | 1373 | 81400",
    "8507 | MALE | 1321 | 77900",
  ),
  define("q09", "equal", { name: "coronary", entry: [conditions(317576)] }, "entry events | 191"),
  // Persons who share a bucket of the sketch count as one: 22 persons look like fewer than 21 for one secret seed in 50.
  ...([
    [4329847, "66"],
    [381316, "27"],
    [313217, ["22", "No row: too few persons*"]],
    [321042, "24"],
  ] as const).map(([id, persons]) =>
    ask("q09", "equal", {
      table: "condition_occurrence",
      filters: [within("condition_concept_id", id)],
      persons: { with: [{ cohort: "coronary" }] },
    }, persons)
  ),
  define(
    "q10",
    "equal",
    {
      name: "celecoxib_new",
      entry: [drugs(1118084)],
      prior_observation_days: 365,
      age: { min: 40, completed_years: true },
      without: [conditions(ULCER, { window: { to: -1 }, outside_observation: true })],
    },
    "entry events | 1844",
    "under observation at the start and for 365 days before | 1800",
    "age at least 40, in completed years | 645",
    "no condition_occurrence of 4027663 with descendants,* | 414",
  ),
  ...group(1118084, [1844, 930, 1156], "38.2 | 3.28"),
  ...group(1124300, [850, 443, 537], "38.1 | 3.25"),
  // Of 669 and 133: a cohort's persons are under observation when they start, as its steps state.
  ...([[1118084, 1800, 658], [1124300, 850, "*"]] as const).map(([id, observed, ulcer]) =>
    define(
      "q11",
      "near",
      {
        name: `ulcer_${id}`,
        entry: [drugs(id)],
        with: [conditions(ULCER, { window: { to: -1 }, outside_observation: true })],
      },
      `under observation at the start | ${observed}`,
      `a condition_occurrence of 4027663 with descendants,* | ${ulcer}`,
    )
  ),
  ask(
    "q12",
    "equal",
    {
      table: "condition_occurrence",
      filters: [within("condition_concept_id", 260139)],
      group_by: ["month(condition_start_date)"],
      aggregates: records,
    },
    ...["1 | 595 | 683", "2 | 569 | 638", "3 | 627 | 706", "4 | 582 | 650", "5 | 608 | 689", "6 | 608 | 684"],
    ...[
      "7 | 596 | 664",
      "8 | 616 | 679",
      "9 | 614 | 706",
      "10 | 633 | 722",
      "11 | 590 | 669",
      "12 | 603 | 694",
    ],
  ),
  ask("q13", "rounded", {
    table: "cohort",
    cohort: "bleed",
    aggregates: AGE_STATISTICS("cohort_start_date"),
  }, "479 | 38.4 | 3.29"),
  ask(
    "q13",
    "near",
    {
      table: "cohort",
      cohort: "bleed",
      aggregates: [{ fn: "median", column: "age_at(cohort_start_date)" }],
    },
    "479 | 3*",
  ),
  ask(
    "q13",
    "near",
    { table: "cohort", cohort: "bleed", group_by: ["band(age_at(cohort_start_date), 0, 35, 40, 45)"] },
    ...["0 | 57", "35 | 239", "40 | *"],
  ),
  ask(
    "q14",
    "equal",
    {
      table: "drug_exposure",
      group_by: ["drug_concept_id"],
      aggregates: records,
      order_by: "-persons",
      limit: 10,
    },
    ...["40213227 | * | 2660 | 7430", "1127433 | * | 2580 | 9365", "40213160 | * | 2140 | 7977"],
    ...["1713671 | * | 2021 | 3851", "19059056 | * | 1927 | 4380", "1118084 | * | 1844 | 1844"],
    ...["40213296 | * | 1737 | 3211", "40213306 | * | 1560 | 1916", "1127078 | * | 1428 | 2158"],
    "40229134 | * | 1393 | 1993",
  ),
  ...([["race_concept_id", "equal", 451], ["ethnicity_concept_id", "near", "*"]] as const).map((
    [column, verdict, persons],
  ) => ask("q15", verdict, { table: "person", filters: [{ column, op: "=", value: 0 }] }, `${persons}`)),
  ask(
    "q15",
    "equal",
    { table: "measurement", group_by: ["unit_concept_id"], aggregates: records },
    "*| 44053",
  ),
];
