import { type Day, dayOf, YEAR } from "./calendar.ts";
import { CHRONIC_DISEASES, type ChronicDisease } from "./diseases.ts";
import type { DrugName } from "./drugs.ts";
import { Random } from "./random.ts";

/** The last day of the data. */
export const DATA_END: Day = dayOf(2024, 12, 31);

/** A chronic disease of a person, from its onset on. */
export interface ConditionCourse {
  readonly disease: ChronicDisease;
  readonly onset: Day;
  /** The drug the person takes for it, if any. */
  readonly drug: DrugName | null;
}

/** A synthetic person: traits, chronic diseases, the observed span and death. */
export interface PatientHistory {
  readonly id: number;
  readonly female: boolean;
  readonly birth: Day;
  readonly race: number;
  readonly ethnicity: number;
  /** As an adult, in cm. */
  readonly height: number;
  /** As an adult, in kg/m². */
  readonly bmi: number;
  /** The observation period, both days included; it ends with death. */
  readonly start: Day;
  readonly end: Day;
  readonly courses: readonly ConditionCourse[];
  readonly death: { readonly cause: number } | null;
}

/** Decades of age, with their share of the persons in percent. */
const AGES: readonly (readonly [number, number])[] = [
  [0, 11],
  [10, 11.5],
  [20, 12.5],
  [30, 13],
  [40, 12.5],
  [50, 13],
  [60, 12.5],
  [70, 9],
  [80, 4],
  [90, 1],
];
const RACES: readonly (readonly [number, number])[] = [[8527, 71], [8516, 14], [8515, 7], [8657, 1], [0, 7]];

/** The yearly chance of death from an age on. */
const MORTALITY: readonly (readonly [number, number])[] = [
  [0, 0.005],
  [1, 0.0003],
  [15, 0.0009],
  [40, 0.0024],
  [50, 0.005],
  [60, 0.012],
  [70, 0.028],
  [80, 0.08],
  [90, 0.2],
];

const PNEUMONIA = 255848;

/**
 * Generates a person. The same seed and number give the same person in a population of any size.
 *
 * @param seed The population's seed.
 * @param id The person's number, from 1.
 * @returns The person, and the generator for all further draws.
 */
export function makePatientHistory(
  seed: number,
  id: number,
): { readonly history: PatientHistory; readonly random: Random } {
  const random = new Random(seed, id);
  const age = random.pick(AGES) + random.integer(0, 9);
  const birth = DATA_END - Math.floor((age + random.unit()) * YEAR);
  const female = random.chance(0.51);
  const race = random.pick(RACES);
  const ethnicity = random.chance(0.17) ? 38003563 : 38003564;
  const height = Math.round(random.normal(female ? 163 : 177, 6.5));
  const bmi = Math.max(17, random.normal(27.2, 4.6));
  const smoker = random.chance(female ? 0.16 : 0.22);
  const start = Math.max(birth, DATA_END - random.integer(900, 3300));
  const leaves = random.chance(0.15) ? random.integer(start + 180, DATA_END) : DATA_END;
  const planned = Math.min(DATA_END, leaves);
  const courses = makeConditionCourses(random, { female, smoker, bmi, birth });
  const died = deathBefore(random, { birth, start, planned, courses });
  const end = died ?? planned;
  const begun = courses.filter((course) => course.onset <= end);
  const death = died === null ? null : { cause: causeOf(random, begun) };
  return {
    random,
    history: { id, female, birth, race, ethnicity, height, bmi, start, end, courses: begun, death },
  };
}

/**
 * How old a person is.
 *
 * @param history A person.
 * @param day A day.
 * @returns The person's age then, in years.
 */
export function ageOn(history: { readonly birth: Day }, day: Day): number {
  return (day - history.birth) / YEAR;
}

interface Traits {
  readonly female: boolean;
  readonly smoker: boolean;
  readonly bmi: number;
  readonly birth: Day;
}

function makeConditionCourses(random: Random, traits: Traits): readonly ConditionCourse[] {
  const courses: ConditionCourse[] = [];
  function has(concept: number): boolean {
    return courses.some((course) => course.disease.concept === concept);
  }
  for (const disease of CHRONIC_DISEASES) {
    const before = courses.find((course) => course.disease.concept === disease.after);
    // Each disease uses the same number of draws in every case, so that one table entry does not change the others.
    const occurs = random.unit() < disease.risk({ ...traits, has });
    const age = Math.max(disease.from, random.normal(...disease.onset));
    const drug = random.pick(disease.treatments);
    const delay = random.integer(60, 2500);
    if (!occurs || (disease.after !== undefined && before === undefined)) continue;
    const onset = Math.max(
      traits.birth + Math.floor(age * YEAR),
      before === undefined ? 0 : before.onset + delay,
    );
    courses.push({ disease, onset, drug });
  }
  return courses;
}

interface Span {
  readonly birth: Day;
  readonly start: Day;
  readonly planned: Day;
  readonly courses: readonly ConditionCourse[];
}

function deathBefore(random: Random, { birth, start, planned, courses }: Span): Day | null {
  for (let from = start; from < planned; from += 365) {
    const age = ageOn({ birth }, from);
    let chance = MORTALITY.findLast(([least]) => age >= least)?.[1] ?? 0;
    for (const { disease, onset } of courses) {
      if (onset <= from) chance *= disease.mortality ?? 1;
    }
    const day = from + random.integer(1, 365);
    if (random.chance(Math.min(chance, 0.6)) && day <= planned) return day;
  }
  return null;
}

function causeOf(random: Random, courses: readonly ConditionCourse[]): number {
  const deadly = courses.map(function weigh({ disease }): [number, number] {
    return [disease.concept, (disease.mortality ?? 1) - 1];
  });
  return random.pick([...deadly, [PNEUMONIA, 0.3], [0, 0.5]]);
}
