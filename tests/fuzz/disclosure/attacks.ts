/** Attacks by numbers of women with some conditions: each compares answers that differ in one person, whose conditions are known, to learn the sex. */

/** Pairs whose differences are averaged. */
const REPEATS = 60;

/** A condition of a query. */
export type Condition = Readonly<Record<string, unknown>>;
/** What is counted. */
export type Statistic = "persons" | "records" | "ages" | "months";

/** An analysis of a cohort. */
export type Analysis = "prevalence" | "incidence_rate" | "survival" | "table_one" | "characterize";

/** A frequent condition, and who has it. */
export interface Group {
  readonly concept: number;
  readonly persons: ReadonlySet<string>;
}

/** Numbers of women. Undefined: withheld. */
export interface Asker {
  /** Of rows that one of the conditions holds for. */
  count(conditions: readonly Condition[], statistic: Statistic): Promise<number | undefined>;
  /** Persons of a cohort before and after the target's condition is excluded. */
  steps(group: Group): Promise<number | undefined>;
  /** All that an analysis shows of women from their first condition on, with or without those who have the target's. */
  analysis(which: Analysis, outcome: Group, without: boolean): Promise<string | undefined>;
}

/** A guess: above a half for a woman; undefined: nothing was seen. */
type Attack = (ask: Asker, target: Condition, groups: readonly Group[]) => Promise<number | undefined>;

function of({ concept }: Group, ...more: readonly Condition[]): Condition {
  return { and: [{ column: "condition_concept_id", op: "=", value: concept }, ...more] };
}

/** A group's part that was born in some years: parts of one group have no person in common. */
function parts(group: Group): readonly Condition[] {
  const edges = [0, 1955, 1965, 3_000];
  return edges.slice(1).map((end, at) =>
    of(
      group,
      { column: "person.year_of_birth", op: ">=", value: edges[at] ?? 0 },
      { column: "person.year_of_birth", op: "<", value: end },
    )
  );
}

/** Adds up answers with their signs. */
async function terms(
  ask: Asker,
  statistic: Statistic,
  all: readonly (readonly [sign: 1 | -1, conditions: readonly Condition[]])[],
): Promise<number | undefined> {
  let sum = 0;
  for (const [sign, conditions] of all) {
    const answer = await ask.count(conditions, statistic);
    if (answer === undefined) return undefined;
    sum += sign * answer;
  }
  return sum;
}

function pair(statistic: Statistic): Attack {
  return async (ask, target, [group]) =>
    group && await terms(ask, statistic, [[1, [of(group), target]], [-1, [of(group)]]]);
}

function tracker(statistic: Statistic): Attack {
  return async (ask, target, [group]) => {
    if (group === undefined) return undefined;
    const [a, b, c] = parts(group);
    if (a === undefined || b === undefined || c === undefined) return undefined;
    return await terms(ask, statistic, [[1, [a, target]], [1, [b, c, target]], [-1, [a, b, c, target]]]);
  };
}

const fourAnswers: Attack = async (ask, target, [group]) => {
  if (group === undefined) return undefined;
  const [a, b, c] = parts(group);
  if (a === undefined || b === undefined || c === undefined) return undefined;
  return await terms(ask, "persons", [[1, [a, c, target]], [1, [b, c, target]], [-1, [a, b, c, target]], [
    -1,
    [c],
  ]]);
};

const sevenUnions: Attack = async (ask, target, [group]) => {
  const sets = group === undefined ? [] : parts(group);
  return await terms(
    ask,
    "persons",
    [1, 2, 3, 4, 5, 6, 7].map((mask) => {
      const chosen = sets.filter((_, bit) => ((mask >> bit) & 1) === 1);
      return [chosen.length % 2 === 1 ? 1 : -1, [...chosen, target]] as const;
    }),
  );
};

const averaged: Attack = async (ask, target, groups) => {
  const found: number[] = [];
  for (let at = 0; at < REPEATS; at += 1) {
    const group = groups[at % groups.length];
    if (group === undefined) break;
    // Another part each time: those born in some five years are left out.
    const year = 1910 + 5 * Math.floor(at / groups.length + 1);
    const some = of(group, {
      or: [
        { column: "person.year_of_birth", op: "<", value: year },
        { column: "person.year_of_birth", op: ">=", value: year + 5 },
      ],
    });
    const difference = await terms(ask, "persons", [[1, [some, target]], [-1, [some]]]);
    if (difference !== undefined) found.push(difference);
  }
  return found.length === 0 ? undefined : found.reduce((sum, one) => sum + one, 0) / found.length;
};

/** The last of some groups that the target is in, because the cohort must have it to lose it. */
const attrition: Attack = async (ask, _target, groups) => {
  const group = groups.at(-1);
  return group && await ask.steps(group);
};

/** By whether an analysis of women changes in any number without the target. The most frequent condition is the outcome, so that there are numbers. */
function analysed(which: Analysis): Attack {
  return async (ask, _target, [outcome]) => {
    if (outcome === undefined) return undefined;
    const before = await ask.analysis(which, outcome, false);
    const after = await ask.analysis(which, outcome, true);
    return before === undefined || after === undefined ? undefined : Number(before !== after);
  };
}

/** All attacks, by their names. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "pair, persons": pair("persons"),
  "pair, records": pair("records"),
  "pair, sum of ages": pair("ages"),
  "pair, calendar months": pair("months"),
  "tracker, persons": tracker("persons"),
  "tracker, records": tracker("records"),
  "4 answers": fourAnswers,
  "inclusion and exclusion": sevenUnions,
  "60 pairs, averaged": averaged,
  "attrition of a cohort": attrition,
  "pair, prevalence": analysed("prevalence"),
  "pair, incidence": analysed("incidence_rate"),
  "pair, survival": analysed("survival"),
  "pair, table one": analysed("table_one"),
  "pair, characterize": analysed("characterize"),
};
