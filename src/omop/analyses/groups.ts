/** The groups of a result (cohort and strata), including groups without persons. */
import type { Grouping } from "./population.ts";
import type { Stratum } from "./schema.ts";

/** A key of a group as the database sends it: the value of each stratum, null for unknown. */
export type Keys = readonly (string | null)[];

/** How groups are named. */
export interface GroupNames extends Grouping {
  /** The names of the cohorts, in the order of the population's groups. */
  readonly cohorts: readonly string[];
  /** Names of concepts by id. */
  readonly concepts: ReadonlyMap<number, string>;
}

/** One group. */
export interface Group {
  /** The cohort's place. */
  readonly cohort: number;
  /** Undefined: all strata together. */
  readonly keys: Keys | undefined;
}

/** Groups without persons are added only where all groups together are at most this many. */
const MOST_GROUPS = 5_000;

/**
 * The groups of a result in order: for each cohort all strata together, then each combination of the strata. All bands of age are
 * there, other strata with the values that occur.
 *
 * @param names The strata.
 * @param occurring The combinations that have persons.
 */
export function groupsOf(names: GroupNames, occurring: readonly Keys[]): readonly Group[] {
  const { strata, bands, cohorts } = names;
  const values = strata.map((stratum, at) => {
    const own = new Set(occurring.map((keys) => keys[at] ?? null));
    if (stratum === "age_group") {
      for (let band = 0; band <= bands.length; band += 1) own.add(String(band));
    }
    return [...own].sort(inOrder);
  });
  const size = values.reduce((product, { length }) => product * length, cohorts.length);
  const all = size <= MOST_GROUPS
    ? values.reduce<Keys[]>((sum, own) => sum.flatMap((keys) => own.map((value) => [...keys, value])), [[]])
    : [...new Map(occurring.map((keys) => [JSON.stringify(keys), keys])).values()].sort(keysInOrder);
  return cohorts.flatMap((_, cohort): Group[] => [
    { cohort, keys: undefined },
    ...(strata.length === 0 ? [] : all.map((keys) => ({ cohort, keys }))),
  ]);
}

function keysInOrder(a: Keys, b: Keys): number {
  const at = a.findIndex((value, place) => value !== b[place]);
  return at < 0 ? 0 : inOrder(a[at] ?? null, b[at] ?? null);
}

/** Numbers rise; unknown comes last. */
function inOrder(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return Number(a) - Number(b);
}

/**
 * Identifies a group.
 *
 * @param group The group.
 */
export function groupId({ cohort, keys }: Group): string {
  return JSON.stringify([cohort, keys ?? null]);
}

/**
 * The columns that name a group.
 *
 * @param names The strata.
 */
export function groupColumns({ strata }: Pick<GroupNames, "strata">): readonly string[] {
  return ["cohort", ...strata];
}

/**
 * A group's values for {@link groupColumns}.
 *
 * @param names How groups are named.
 * @param group The group.
 */
export function groupValues(names: GroupNames, { cohort, keys }: Group): readonly string[] {
  return [
    names.cohorts[cohort] ?? "",
    ...names.strata.map((stratum, at) =>
      keys === undefined ? "all" : stratumName(names, stratum, keys[at] ?? null)
    ),
  ];
}

/**
 * A group's name in a line.
 *
 * @param names How groups are named.
 * @param group The group.
 */
export function groupName(names: GroupNames, group: Group): string {
  const [cohort = "", ...strata] = groupValues(names, group);
  const own = group.keys === undefined ? [] : strata;
  return (names.cohorts.length > 1 || own.length === 0 ? [cohort, ...own] : own).join(", ");
}

/**
 * Whether a group is not the sum of others. With strata, the group of all strata together is such a sum.
 *
 * @param names The strata.
 * @param group The group.
 */
export function isPart({ strata }: Pick<GroupNames, "strata">, { keys }: Group): boolean {
  return strata.length === 0 || keys !== undefined;
}

/** Groups that {@link emptyNotes} names. */
const NAMED = 10;

/**
 * Says in which groups nobody is.
 *
 * @param names How groups are named.
 * @param empty The groups.
 * @returns A line; none without such groups.
 */
export function emptyNotes(names: GroupNames, empty: readonly Group[]): readonly string[] {
  if (empty.length === 0) return [];
  const rest = empty.length - NAMED;
  const shown = empty.slice(0, NAMED).map((group) => groupName(names, group));
  return [`Nobody is in: ${shown.join("; ")}${rest > 0 ? ` and ${rest} more` : ""}.`];
}

function stratumName({ bands, concepts }: GroupNames, stratum: Stratum, value: string | null): string {
  if (value === null) return "unknown";
  switch (stratum) {
    case "gender":
      return concepts.get(Number(value)) ?? `concept ${value}`;
    case "age_group":
      return bandName(bands, Number(value));
    case "year":
      return value;
  }
}

/**
 * The name of a band of ages.
 *
 * @param bands The youngest age of each band but the first.
 * @param band Its number, 0 for the youngest.
 */
export function bandName(bands: readonly number[], band: number): string {
  const from = bands[band - 1];
  const to = bands[band];
  if (from === undefined) return `< ${to}`;
  return to === undefined ? `${from}+` : to - 1 === from ? `${from}` : `${from}-${to - 1}`;
}
