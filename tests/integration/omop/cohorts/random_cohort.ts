/** Random cohort definitions in the short form. */
import type {
  CohortCriterion,
  CohortDefinitionInput,
  CohortMember,
} from "../../../../src/omop/cohorts/mod.ts";
import type { Random } from "../../../../src/omop/sample/random.ts";

/** What definitions may name, so that many of them find something. */
export interface Pool {
  /** The tables, each with concepts of its events; of a table without concepts, none. */
  readonly concepts: ReadonlyMap<Event["table"], readonly number[]>;
  /** Days, YYYY-MM-DD, in order. */
  readonly days: readonly string[];
  readonly values: readonly number[];
  readonly units: readonly number[];
  /** Whether ages may be by birthday, which circe does not have. */
  readonly birthdays: boolean;
}

type Event = CohortDefinitionInput["entry"][number];
type Items = NonNullable<Event["concepts"]>;

/**
 * Makes a definition.
 *
 * @param random Where its choices come from.
 * @param pool What it may name.
 */
export function randomCohort(random: Random, pool: Pool): CohortDefinitionInput {
  const some = (chance: number, make: () => Partial<CohortDefinitionInput>) =>
    random.chance(chance) ? make() : {};
  const list = <T>(most: number, make: () => T): T[] => Array.from({ length: random.integer(1, most) }, make);
  return {
    entry: list(random.chance(0.7) ? 1 : 3, () => randomEvent(random, pool)),
    ...some(0.4, () => ({ prior_observation_days: days(random, 0, 400) })),
    ...some(0.2, () => ({ post_observation_days: days(random, 0, 200) })),
    ...some(0.3, () => ({ entry_limit: one(random, ["first", "last", "all"]) })),
    ...some(0.3, () => ({ age: randomAge(random, pool) })),
    ...some(0.2, () => ({ sex: one(random, ["female", "male"]) })),
    ...some(0.5, () => ({ with: list(2, () => randomMember(random, pool)) })),
    ...some(0.4, () => ({ without: list(2, () => randomMember(random, pool)) })),
    ...some(0.7, () => ({ limit: one(random, ["first", "last", "all", "all"]) })),
    ...some(0.6, () => ({ exit: randomExit(random, pool) })),
    ...some(0.3, () => ({ merge_gap_days: days(random, 0, 120) })),
  };
}

function randomEvent(random: Random, pool: Pool): Event {
  const table = one(random, [...pool.concepts.keys()]);
  const concepts = pool.concepts.get(table) ?? [];
  const valued = table === "measurement";
  return {
    table,
    ...(concepts.length > 0 && random.chance(0.8) ? { concepts: randomItems(random, concepts) } : {}),
    ...(random.chance(0.3) ? { first: true } : {}),
    ...(random.chance(0.2) ? { dates: randomRange(random, pool.days, "from", "to") } : {}),
    ...(valued && random.chance(0.4) ? { value: randomRange(random, pool.values, "min", "max") } : {}),
    ...(valued && random.chance(0.2) ? { units: [one(random, pool.units)] } : {}),
  };
}

function randomItems(random: Random, concepts: readonly number[]): Items {
  const [first, ...rest] = Array.from({ length: random.integer(1, 3) }, () => ({
    concept_id: one(random, concepts),
    ...(random.chance(0.6) ? { include_descendants: true } : {}),
  }));
  if (first === undefined) return [];
  return [first, ...rest.map((item) => ({ ...item, ...(random.chance(0.3) ? { exclude: true } : {}) }))];
}

function randomMember(random: Random, pool: Pool, depth = 0): CohortMember {
  if (depth > 0 && random.chance(0.25)) {
    const sex = one(random, ["female", "male"]);
    return one(random, [{ sex }, { age: randomAge(random, pool) }, { sex, age: randomAge(random, pool) }]);
  }
  if (depth > 2 || !random.chance(0.35)) return randomCriterion(random, pool);
  const members = Array.from({ length: random.integer(2, 4) }, () => randomMember(random, pool, depth + 1));
  const most = members.length;
  return one(random, [
    { any_of: members },
    { any_of: members },
    { all_of: members },
    { of: members, at_least: random.integer(2, most) },
    { of: members, at_most: random.integer(0, most - 1) },
  ]);
}

function randomCriterion(random: Random, pool: Pool): CohortCriterion {
  const from = days(random, -400, 30);
  const window = one(random, [
    { from },
    { to: from + 100 },
    { from, to: from + days(random, 0, 500) },
    undefined,
  ]);
  return {
    ...randomEvent(random, pool),
    ...(window === undefined ? {} : { window }),
    ...one(random, [{}, {}, {}, { at_least: 2 }, { at_least: 3 }, { at_most: random.integer(0, 2) }]),
    ...(random.chance(0.3) ? { outside_observation: true } : {}),
  };
}

function randomAge(random: Random, { birthdays }: Pool): NonNullable<CohortDefinitionInput["age"]> {
  const min = random.integer(0, 60);
  const ends = one(random, [{ min }, { max: min + 20 }, { min, max: min + random.integer(0, 50) }]);
  return birthdays && random.chance(0.4) ? { ...ends, completed_years: true } : ends;
}

function randomExit(random: Random, pool: Pool): NonNullable<CohortDefinitionInput["exit"]> {
  const drugs = pool.concepts.get("drug_exposure") ?? [];
  const end = one(random, [
    {},
    { days_after_start: days(random, -5, 400) },
    { days_after_end: days(random, -30, 90) },
    {
      drug_era: {
        concepts: randomItems(random, drugs),
        gap_days: days(random, 0, 60),
        extra_days: days(random, 0, 10),
      },
    },
  ]);
  return random.chance(0.4) ? { ...end, censor: [randomEvent(random, pool)] } : end;
}

/** A range with one end or both. */
function randomRange<T extends string | number, Low extends string, High extends string>(
  random: Random,
  sorted: readonly T[],
  low: Low,
  high: High,
): Partial<Record<Low | High, T>> {
  const at = random.integer(0, sorted.length - 1);
  const last = random.integer(at, sorted.length - 1);
  const ends: Partial<Record<Low | High, T>> = {};
  const shape = random.integer(0, 2);
  if (shape !== 1) Object.assign(ends, { [low]: sorted[at] });
  if (shape !== 0) Object.assign(ends, { [high]: sorted[last] });
  return ends;
}

/** Multiples of five, which the vectors' days are. */
function days(random: Random, low: number, high: number): number {
  return 5 * random.integer(low / 5, high / 5);
}

function one<const T>(random: Random, choices: readonly T[]): T {
  return random.pick(choices.map((choice) => [choice, 1] as const));
}
