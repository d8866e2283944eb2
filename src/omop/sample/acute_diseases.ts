import type { DrugName } from "./drugs.ts";

/** The facts of one year of a person's life that the chance of an acute disease depends on. */
export interface YearOfLife {
  /** Age in years. */
  readonly age: number;
  readonly female: boolean;
  readonly year: number;
  /** Whether the person takes the drug. */
  readonly takes: (drug: DrugName) => boolean;
}

/** A disease that heals. */
export interface AcuteDisease {
  readonly concept: number;
  /** The chance of the disease within the year, 0 to 1. */
  readonly rate: (history: YearOfLife) => number;
  /** The weight of each month, January first. */
  readonly months: readonly number[];
  /** Shortest and longest duration, in days. */
  readonly lasts: readonly [number, number];
  /** The chances that the disease leads to an emergency visit and to an inpatient stay; otherwise it leads to an office visit. */
  readonly emergency: number;
  readonly inpatient: number;
  readonly treatments: readonly (readonly [DrugName | null, number])[];
}

const EVEN = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
const WINTER = [10, 9, 5, 2, 1, 0.3, 0.2, 0.2, 0.5, 1.5, 3, 8];
const COLD_SEASON = [5, 5, 4, 3, 2, 1, 1, 1, 2, 3, 4, 5];
const SUMMER = [1, 1, 2, 3, 4, 5, 5, 5, 4, 3, 2, 1];

function byAge(age: number, [child, adult, old]: readonly [number, number, number]): number {
  return age < 15 ? child : age < 65 ? adult : old;
}

/** The acute diseases. */
export const ACUTE_DISEASES: readonly AcuteDisease[] = [
  {
    concept: 4266367,
    rate: ({ age }) => byAge(age, [0.08, 0.05, 0.04]),
    months: WINTER,
    lasts: [5, 12],
    emergency: 0.06,
    inpatient: 0.02,
    treatments: [["acetaminophen", 60], [null, 40]],
  },
  {
    concept: 260139,
    rate: ({ age }) => byAge(age, [0.1, 0.06, 0.09]),
    months: COLD_SEASON,
    lasts: [7, 21],
    emergency: 0.05,
    inpatient: 0,
    treatments: [["azithromycin", 25], ["acetaminophen", 25], [null, 50]],
  },
  {
    concept: 4112343,
    rate: ({ age }) => byAge(age, [0.2, 0.07, 0.03]),
    months: COLD_SEASON,
    lasts: [5, 14],
    emergency: 0.01,
    inpatient: 0,
    treatments: [["acetaminophen", 40], [null, 60]],
  },
  {
    concept: 40481087,
    rate: ({ age }) => byAge(age, [0.06, 0.08, 0.05]),
    months: COLD_SEASON,
    lasts: [7, 21],
    emergency: 0.01,
    inpatient: 0,
    treatments: [["acetaminophen", 30], [null, 70]],
  },
  {
    concept: 372328,
    rate: ({ age }) => age < 7 ? 0.3 : age < 15 ? 0.06 : 0.004,
    months: COLD_SEASON,
    lasts: [5, 14],
    emergency: 0.05,
    inpatient: 0,
    treatments: [["amoxicillin", 75], [null, 25]],
  },
  {
    concept: 28060,
    rate: ({ age }) => byAge(age, [0.09, 0.012, 0.002]),
    months: COLD_SEASON,
    lasts: [5, 12],
    emergency: 0.02,
    inpatient: 0,
    treatments: [["amoxicillin", 90], [null, 10]],
  },
  {
    concept: 255848,
    rate: ({ age }) => byAge(age, [0.01, 0.006, 0.03]),
    months: COLD_SEASON,
    lasts: [14, 35],
    emergency: 0.2,
    inpatient: 0.45,
    treatments: [["azithromycin", 70], ["amoxicillin", 30]],
  },
  {
    concept: 81902,
    rate: ({ age, female }) => female ? byAge(age, [0.01, 0.07, 0.1]) : byAge(age, [0.002, 0.004, 0.04]),
    months: EVEN,
    lasts: [4, 12],
    emergency: 0.08,
    inpatient: 0.02,
    treatments: [["amoxicillin", 70], [null, 30]],
  },
  {
    concept: 81151,
    rate: ({ age }) => byAge(age, [0.03, 0.02, 0.006]),
    months: SUMMER,
    lasts: [14, 42],
    emergency: 0.4,
    inpatient: 0,
    treatments: [["ibuprofen", 60], [null, 40]],
  },
  {
    concept: 4113008,
    rate: () => 0.008,
    months: EVEN,
    lasts: [7, 21],
    emergency: 0.7,
    inpatient: 0,
    treatments: [["acetaminophen", 50], [null, 50]],
  },
  {
    concept: 4278672,
    rate: ({ age, female }) => age < 15 ? 0.009 : female && age > 60 ? 0.008 : 0.002,
    months: SUMMER,
    lasts: [42, 80],
    emergency: 0.8,
    inpatient: 0.1,
    treatments: [["ibuprofen", 60], ["acetaminophen", 40]],
  },
  {
    concept: 440448,
    rate: ({ age }) => age < 40 ? 0.0014 : 0.0006,
    months: EVEN,
    lasts: [5, 20],
    emergency: 0,
    inpatient: 1,
    treatments: [["acetaminophen", 80], [null, 20]],
  },
  {
    concept: 196456,
    rate: ({ age, female }) => age < 30 ? 0.0005 : female ? 0.006 : 0.003,
    months: EVEN,
    lasts: [3, 30],
    emergency: 0.3,
    inpatient: 0.35,
    treatments: [["ibuprofen", 40], [null, 60]],
  },
  {
    concept: 192671,
    // Non-selective NSAIDs, aspirin and warfarin raise the risk of bleeding; celecoxib hardly does.
    rate: ({ age, takes }) =>
      byAge(age, [0, 0.0012, 0.005]) *
      (takes("diclofenac") || takes("naproxen") ? 5 : takes("celecoxib") ? 1.6 : 1) *
      (takes("warfarin") ? 2.5 : 1) * (takes("aspirin") ? 1.6 : 1),
    months: EVEN,
    lasts: [3, 12],
    emergency: 0.25,
    inpatient: 0.7,
    treatments: [["omeprazole", 85], [null, 15]],
  },
  {
    concept: 37311061,
    rate: ({ year }) => year < 2020 ? 0 : year < 2023 ? 0.09 : 0.05,
    months: [9, 6, 4, 3, 2, 2, 3, 4, 4, 5, 7, 9],
    lasts: [7, 21],
    emergency: 0.07,
    inpatient: 0.04,
    treatments: [["acetaminophen", 50], ["prednisone", 5], [null, 45]],
  },
];
