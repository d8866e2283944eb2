import type { Day } from "./calendar.ts";
import { DIABETES, HYPERTENSION } from "./diseases.ts";
import { ageOn, type PatientHistory } from "./patient_history.ts";
import type { Random } from "./random.ts";

/** A measured value. */
export interface Measurement {
  readonly concept: number;
  /** A decimal number, with the digits that the test reports. */
  readonly value: string;
  readonly unit: number;
  /** The normal range, where the test reports one. */
  readonly low?: number;
  readonly high?: number;
  readonly laboratory: boolean;
}

/** The facts that a test's result depends on. */
interface Patient {
  readonly history: PatientHistory;
  readonly age: number;
  /** Whether the person has this chronic disease on that day. */
  readonly has: (concept: number) => boolean;
  /** Whether the person takes a drug for diabetes on that day. */
  readonly treated: boolean;
}

/** A laboratory test: its chance at a visit, and the distribution of its results. */
interface Test {
  readonly concept: number;
  readonly unit: number;
  readonly places: number;
  readonly low?: number;
  readonly high?: number;
  readonly chance: (patient: Patient) => number;
  readonly mean: (patient: Patient) => number;
  readonly deviation: (patient: Patient) => number;
  readonly floor: number;
}

const HYPERLIPIDEMIA = 432867;
const KIDNEY = 443597;
const ANEMIA = 439777;

const TESTS: readonly Test[] = [
  {
    concept: 3004410,
    unit: 8554,
    places: 1,
    low: 4,
    high: 5.6,
    chance: ({ has, age }) => has(DIABETES) ? 0.7 : age > 40 ? 0.08 : 0.01,
    mean: ({ has, treated }) => has(DIABETES) ? (treated ? 7.1 : 7.9) : 5.35,
    deviation: ({ has }) => has(DIABETES) ? 1.1 : 0.28,
    floor: 4,
  },
  {
    concept: 3004501,
    unit: 8840,
    places: 0,
    low: 70,
    high: 99,
    chance: ({ has, age }) => has(DIABETES) ? 0.5 : age > 18 ? 0.15 : 0.03,
    mean: ({ has }) => has(DIABETES) ? 152 : 92,
    deviation: ({ has }) => has(DIABETES) ? 36 : 9,
    floor: 55,
  },
  {
    concept: 3016723,
    unit: 8840,
    places: 2,
    low: 0.6,
    high: 1.2,
    chance: ({ has }) => has(KIDNEY) ? 0.8 : has(DIABETES) ? 0.4 : has(HYPERTENSION) ? 0.25 : 0.05,
    mean: ({ has, history }) => has(KIDNEY) ? 1.65 : history.female ? 0.78 : 0.95,
    deviation: ({ has }) => has(KIDNEY) ? 0.22 : 0.13,
    floor: 0.4,
  },
  {
    concept: 3030354,
    unit: 720870,
    places: 0,
    low: 60,
    chance: ({ has }) => has(KIDNEY) ? 0.8 : has(DIABETES) ? 0.35 : 0.03,
    mean: ({ has, age }) => has(KIDNEY) ? 45 : 115 - 0.6 * age,
    deviation: ({ has }) => has(KIDNEY) ? 7 : 11,
    floor: 15,
  },
  {
    concept: 3023103,
    unit: 8753,
    places: 1,
    low: 3.5,
    high: 5.1,
    chance: ({ has }) => has(KIDNEY) ? 0.6 : has(HYPERTENSION) ? 0.2 : 0.03,
    mean: ({ has }) => has(KIDNEY) ? 4.6 : 4.2,
    deviation: () => 0.35,
    floor: 2.8,
  },
  {
    concept: 3027114,
    unit: 8840,
    places: 0,
    high: 200,
    chance: lipidChance,
    mean: ({ has }) => has(HYPERLIPIDEMIA) ? 226 : 182,
    deviation: () => 30,
    floor: 90,
  },
  {
    concept: 3009966,
    unit: 8840,
    places: 0,
    high: 130,
    chance: lipidChance,
    mean: ({ has }) => has(HYPERLIPIDEMIA) ? 145 : 105,
    deviation: () => 25,
    floor: 30,
  },
  {
    concept: 3007070,
    unit: 8840,
    places: 0,
    low: 40,
    chance: lipidChance,
    mean: ({ history }) => history.female ? 58 : 48,
    deviation: () => 10,
    floor: 20,
  },
  {
    concept: 3022192,
    unit: 8840,
    places: 0,
    high: 150,
    chance: lipidChance,
    mean: ({ has, history }) => (has(DIABETES) ? 165 : 115) + 2 * (history.bmi - 25),
    deviation: () => 38,
    floor: 35,
  },
  {
    concept: 3000963,
    unit: 8713,
    places: 1,
    low: 12,
    high: 17.5,
    chance: ({ has, age }) => has(ANEMIA) ? 0.6 : age > 18 ? 0.12 : 0.05,
    mean: ({ has, history, age }) => (has(ANEMIA) ? -3.4 : 0) + (history.female || age < 14 ? 13.5 : 15),
    deviation: () => 0.9,
    floor: 6,
  },
];

/**
 * Generates what is measured at a visit.
 *
 * @param random The person's generator.
 * @param history The person.
 * @param day The day of the visit.
 * @param routine Whether it is a planned visit, with laboratory tests.
 * @returns Vital signs, and laboratory values of a planned visit.
 */
export function measure(
  random: Random,
  history: PatientHistory,
  day: Day,
  routine: boolean,
): readonly Measurement[] {
  const courses = history.courses.filter((course) => course.onset <= day);
  const patient: Patient = {
    history,
    age: ageOn(history, day),
    has: (concept) => courses.some((course) => course.disease.concept === concept),
    treated: courses.some((course) => course.disease.concept === DIABETES && course.drug !== null),
  };
  const results = vitalSigns(random, patient, routine);
  if (routine) {
    for (const test of TESTS) {
      if (random.chance(test.chance(patient))) results.push(runTest(random, test, patient));
    }
  }
  return results;
}

function vitalSigns(random: Random, patient: Patient, routine: boolean): Measurement[] {
  const { age, history, has } = patient;
  const results: Measurement[] = [];
  function record(concept: number, unit: number, value: number, places = 0): void {
    results.push({ concept, unit, value: value.toFixed(places), laboratory: false });
  }
  const pressure = has(HYPERTENSION) ? 17 : 0;
  if (age >= 3 && random.chance(routine ? 0.9 : 0.5)) {
    const systolic = age < 18 ? 92 + 1.4 * age : 110 + 0.28 * (age - 18) + pressure;
    const measured = Math.max(80, random.normal(systolic, 10));
    record(3004249, 8876, measured);
    record(3012888, 8876, Math.min(measured - 15, Math.max(45, random.normal(40 + 0.28 * measured, 6))));
  }
  if (random.chance(0.3)) record(3027018, 8541, random.normal(age < 10 ? 98 : 74, 9));
  if (routine && random.chance(age < 18 ? 0.9 : 0.5)) {
    const height = age >= 18
      ? history.height
      : Math.min(history.height, 50 + 25 * Math.min(age, 2) * 0.9 + 6 * Math.max(0, age - 2));
    const bmi = age >= 18 ? history.bmi : Math.min(history.bmi, 15.5 + 0.3 * age);
    const weight = random.normal(bmi, 0.6) * (height / 100) * (height / 100);
    record(3025315, 9529, weight, 1);
    if (age >= 2) record(3038553, 9531, weight / ((height / 100) * (height / 100)), 1);
    if (age < 18 || random.chance(0.2)) record(3036277, 8582, height);
  }
  return results;
}

function runTest(random: Random, test: Test, patient: Patient): Measurement {
  const value = Math.max(test.floor, random.normal(test.mean(patient), test.deviation(patient)));
  return {
    concept: test.concept,
    value: value.toFixed(test.places),
    unit: test.unit,
    ...(test.low === undefined ? {} : { low: test.low }),
    ...(test.high === undefined ? {} : { high: test.high }),
    laboratory: true,
  };
}

function lipidChance({ has, age }: Patient): number {
  return has(HYPERLIPIDEMIA) ? 0.4 : has(DIABETES) ? 0.3 : age > 40 ? 0.12 : 0.01;
}
