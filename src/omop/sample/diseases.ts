import type { DrugName } from "./drugs.ts";

/** The traits of a person that diseases depend on. */
export interface Constitution {
  readonly female: boolean;
  readonly smoker: boolean;
  /** Body mass index as an adult, kg/m². */
  readonly bmi: number;
  /** Chronic diseases the person has or will have, by concept. */
  readonly has: (concept: number) => boolean;
}

/** A disease that does not heal. The rates are rough, of the order of those of a western population. */
export interface ChronicDisease {
  readonly concept: number;
  /** The lifetime risk, 0 to 1. */
  readonly risk: (person: Constitution) => number;
  /** Mean and standard deviation of the age at onset, in years. */
  readonly onset: readonly [number, number];
  /** The youngest age at onset. */
  readonly from: number;
  /** A disease that the person must already have. */
  readonly after?: number;
  /** Treatments with their weights; a person's treatment never changes. */
  readonly treatments: readonly (readonly [DrugName | null, number])[];
  /** Multiplies the yearly chance of death. */
  readonly mortality?: number;
  /** Its onset is an inpatient stay. */
  readonly acute?: boolean;
}

const CORONARY = 317576;
/** The concept of type 2 diabetes. */
export const DIABETES = 201826;
const FIBRILLATION = 313217;
/** The concept of essential hypertension. */
export const HYPERTENSION = 320128;

/** The chronic diseases, each after the diseases that it depends on. */
export const CHRONIC_DISEASES: readonly ChronicDisease[] = [
  {
    concept: 433736,
    risk: ({ bmi }) => bmi >= 30 ? 1 : 0,
    onset: [35, 10],
    from: 18,
    treatments: [[null, 1]],
  },
  {
    concept: HYPERTENSION,
    risk: ({ bmi }) => bmi >= 30 ? 0.75 : 0.55,
    onset: [48, 11],
    from: 25,
    treatments: [["lisinopril", 40], ["amlodipine", 25], ["losartan", 20], ["hydrochlorothiazide", 15], [
      null,
      15,
    ]],
  },
  {
    concept: DIABETES,
    risk: ({ bmi }) => bmi >= 30 ? 0.45 : bmi >= 25 ? 0.2 : 0.08,
    onset: [52, 10],
    from: 28,
    treatments: [["metformin", 80], [null, 20]],
    mortality: 1.4,
  },
  {
    concept: 432867,
    risk: ({ bmi }) => bmi >= 25 ? 0.55 : 0.35,
    onset: [50, 10],
    from: 25,
    treatments: [["simvastatin", 45], ["atorvastatin", 30], [null, 25]],
  },
  {
    concept: 317009,
    risk: () => 0.09,
    onset: [18, 12],
    from: 3,
    treatments: [["albuterol", 85], [null, 15]],
  },
  {
    concept: 255573,
    risk: ({ smoker }) => smoker ? 0.35 : 0.03,
    onset: [60, 7],
    from: 45,
    treatments: [["albuterol", 90], [null, 10]],
    mortality: 1.8,
  },
  {
    concept: CORONARY,
    risk: ({ has, smoker }) =>
      0.09 + (has(DIABETES) ? 0.14 : 0) + (has(HYPERTENSION) ? 0.07 : 0) + (smoker ? 0.08 : 0),
    onset: [61, 9],
    from: 40,
    treatments: [["aspirin", 85], [null, 15]],
    mortality: 1.5,
  },
  {
    concept: 312327,
    risk: ({ female }) => female ? 0.4 : 0.5,
    onset: [62, 9],
    from: 45,
    after: CORONARY,
    treatments: [["clopidogrel", 85], [null, 15]],
    mortality: 1.5,
    acute: true,
  },
  {
    concept: FIBRILLATION,
    risk: ({ has }) => has(HYPERTENSION) ? 0.17 : 0.07,
    onset: [67, 9],
    from: 45,
    treatments: [["warfarin", 75], [null, 25]],
    mortality: 1.2,
  },
  {
    concept: 381316,
    risk: ({ has }) => 0.04 + (has(FIBRILLATION) ? 0.16 : 0) + (has(HYPERTENSION) ? 0.06 : 0),
    onset: [67, 9],
    from: 50,
    treatments: [["aspirin", 80], [null, 20]],
    mortality: 1.8,
    acute: true,
  },
  {
    concept: 316139,
    risk: ({ has }) => 0.01 + (has(CORONARY) ? 0.28 : 0) + (has(FIBRILLATION) ? 0.2 : 0),
    onset: [69, 8],
    from: 50,
    treatments: [["furosemide", 85], [null, 15]],
    mortality: 2.4,
  },
  {
    concept: 443597,
    risk: ({ has }) => 0.02 + (has(DIABETES) ? 0.35 : 0) + (has(HYPERTENSION) ? 0.07 : 0),
    onset: [61, 9],
    from: 40,
    treatments: [[null, 1]],
    mortality: 1.6,
  },
  {
    concept: 140673,
    risk: ({ female }) => female ? 0.1 : 0.02,
    onset: [46, 14],
    from: 18,
    treatments: [["levothyroxine", 95], [null, 5]],
  },
  {
    concept: 4079750,
    risk: ({ bmi }) => bmi >= 30 ? 0.4 : 0.24,
    onset: [58, 9],
    from: 40,
    treatments: [["celecoxib", 30], ["diclofenac", 35], ["naproxen", 15], [null, 20]],
  },
  {
    concept: 4079749,
    risk: () => 0.12,
    onset: [61, 9],
    from: 40,
    treatments: [["celecoxib", 30], ["diclofenac", 35], ["naproxen", 15], [null, 20]],
  },
  {
    concept: 80809,
    risk: ({ female }) => female ? 0.012 : 0.005,
    onset: [48, 12],
    from: 20,
    treatments: [["celecoxib", 50], ["naproxen", 30], [null, 20]],
  },
  {
    concept: 80502,
    risk: ({ female }) => female ? 0.2 : 0.04,
    onset: [69, 8],
    from: 50,
    treatments: [["alendronate", 70], [null, 30]],
  },
  {
    concept: 4152280,
    risk: ({ female }) => female ? 0.18 : 0.1,
    onset: [34, 14],
    from: 14,
    treatments: [["sertraline", 65], [null, 35]],
  },
  {
    concept: 442077,
    risk: ({ female }) => female ? 0.15 : 0.09,
    onset: [30, 13],
    from: 10,
    treatments: [["sertraline", 35], [null, 65]],
  },
  {
    concept: 318800,
    risk: () => 0.2,
    onset: [47, 14],
    from: 18,
    treatments: [["omeprazole", 80], [null, 20]],
  },
  {
    concept: 440674,
    risk: ({ female }) => female ? 0.015 : 0.055,
    onset: [58, 11],
    from: 30,
    treatments: [["allopurinol", 70], [null, 30]],
  },
  {
    concept: 378419,
    risk: () => 0.16,
    onset: [82, 6],
    from: 62,
    treatments: [["donepezil", 65], [null, 35]],
    mortality: 2,
  },
  {
    concept: 318736,
    risk: ({ female }) => female ? 0.17 : 0.06,
    onset: [24, 9],
    from: 8,
    treatments: [["ibuprofen", 60], [null, 40]],
  },
  { concept: 380378, risk: () => 0.008, onset: [25, 20], from: 2, treatments: [[null, 1]], mortality: 1.3 },
  {
    concept: 4112853,
    risk: ({ female }) => female ? 0.11 : 0.001,
    onset: [62, 11],
    from: 30,
    treatments: [[null, 1]],
    mortality: 2,
  },
  { concept: 4180790, risk: () => 0.035, onset: [68, 10], from: 35, treatments: [[null, 1]], mortality: 3 },
  {
    concept: 4280726,
    risk: () => 0.16,
    onset: [16, 8],
    from: 4,
    treatments: [["cetirizine", 70], [null, 30]],
  },
  {
    concept: 439777,
    risk: ({ female }) => female ? 0.12 : 0.05,
    onset: [50, 20],
    from: 5,
    treatments: [[null, 1]],
  },
];
