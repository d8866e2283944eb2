/** A drug with its usual prescription. */
export interface Drug {
  readonly concept: number;
  readonly ingredient: number;
  /** Days' supply. */
  readonly days: number;
  /** Units (tablets, doses) per day. */
  readonly daily: number;
  readonly refills: number;
}

/** Drugs by short name. */
export const DRUGS = {
  acetaminophen: { concept: 19020053, ingredient: 1125315, days: 7, daily: 4, refills: 0 },
  albuterol: { concept: 1154615, ingredient: 1154343, days: 60, daily: 1, refills: 3 },
  alendronate: { concept: 40173590, ingredient: 1557272, days: 90, daily: 1, refills: 3 },
  allopurinol: { concept: 1167323, ingredient: 1167322, days: 90, daily: 1, refills: 3 },
  amlodipine: { concept: 1332419, ingredient: 1332418, days: 90, daily: 1, refills: 3 },
  amoxicillin: { concept: 19073188, ingredient: 1713332, days: 10, daily: 3, refills: 0 },
  aspirin: { concept: 19059056, ingredient: 1112807, days: 90, daily: 1, refills: 3 },
  atorvastatin: { concept: 1545959, ingredient: 1545958, days: 90, daily: 1, refills: 3 },
  azithromycin: { concept: 19073777, ingredient: 1734104, days: 5, daily: 1, refills: 0 },
  celecoxib: { concept: 1118088, ingredient: 1118084, days: 60, daily: 1, refills: 2 },
  cetirizine: { concept: 40228214, ingredient: 1149196, days: 30, daily: 1, refills: 1 },
  clopidogrel: { concept: 19075601, ingredient: 1322184, days: 90, daily: 1, refills: 3 },
  diclofenac: { concept: 40162359, ingredient: 1124300, days: 60, daily: 2, refills: 2 },
  donepezil: { concept: 40223768, ingredient: 715997, days: 90, daily: 1, refills: 3 },
  furosemide: { concept: 957136, ingredient: 956874, days: 90, daily: 1, refills: 3 },
  hydrochlorothiazide: { concept: 19078106, ingredient: 974166, days: 90, daily: 1, refills: 3 },
  ibuprofen: { concept: 19078461, ingredient: 1177480, days: 14, daily: 3, refills: 0 },
  levothyroxine: { concept: 40174880, ingredient: 1501700, days: 90, daily: 1, refills: 3 },
  lisinopril: { concept: 19080128, ingredient: 1308216, days: 90, daily: 1, refills: 3 },
  losartan: { concept: 40185304, ingredient: 1367500, days: 90, daily: 1, refills: 3 },
  metformin: { concept: 40163924, ingredient: 1503297, days: 90, daily: 2, refills: 3 },
  naproxen: { concept: 19019273, ingredient: 1115008, days: 60, daily: 2, refills: 1 },
  // The capsule's concept is not in the sample, so the ingredient is prescribed.
  omeprazole: { concept: 923645, ingredient: 923645, days: 60, daily: 1, refills: 2 },
  prednisone: { concept: 1551170, ingredient: 1551099, days: 7, daily: 2, refills: 0 },
  sertraline: { concept: 739207, ingredient: 739138, days: 90, daily: 1, refills: 2 },
  simvastatin: { concept: 1539411, ingredient: 1539403, days: 90, daily: 1, refills: 3 },
  warfarin: { concept: 40163554, ingredient: 1310149, days: 90, daily: 1, refills: 3 },
  influenzaVaccine: { concept: 40213154, ingredient: 40213154, days: 1, daily: 1, refills: 0 },
} as const satisfies Readonly<Record<string, Drug>>;

/** A drug's short name. */
export type DrugName = keyof typeof DRUGS;
