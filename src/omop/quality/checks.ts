/**
 * Checks of a CDM's data that need no tables of their own. Names, meanings and thresholds are those of OHDSI's DataQualityDashboard (DQD,
 * OMOP_CDMv5.4_Field_Level.csv and the page of each check). If DQD has no such check, it is an analysis of Achilles, which counts and has no
 * thresholds.
 */

/** A check. */
export interface QualityCheck {
  /** Its name in DQD; for Achilles, the ids of its analyses. */
  readonly name: string;
  readonly by: "DQD" | "Achilles";
  /** What a counted record is. */
  readonly meaning: string;
  /** The highest share of records that passes, in percent; undefined: a person decides. */
  readonly threshold: number | undefined;
}

/** Each check, in the order of reports. */
export const QUALITY_CHECKS = {
  isPrimaryKey: {
    name: "isPrimaryKey",
    by: "DQD",
    meaning: "persons whose person_id another row of person has, too",
    threshold: 0,
  },
  genderMapped: {
    name: "standardConceptRecordCompleteness",
    by: "DQD",
    meaning: "persons whose gender_concept_id is 0",
    threshold: 5,
  },
  birthYear: {
    name: "plausibleValueLow, plausibleValueHigh",
    by: "DQD",
    meaning: "persons born before 1850 or in the future",
    threshold: 1,
  },
  personCompleteness: {
    name: "measurePersonCompleteness",
    by: "DQD",
    meaning: "persons without an observation period: they count in no incidence and no cohort",
    threshold: 0,
  },
  isForeignKey: {
    name: "isForeignKey",
    by: "DQD",
    meaning: "records of a person who has no row in person",
    threshold: 0,
  },
  conceptMapped: {
    name: "standardConceptRecordCompleteness",
    by: "DQD",
    meaning: "records whose standard concept is 0: no concept set finds them",
    threshold: 5,
  },
  standardValid: {
    name: "isStandardValidConcept",
    by: "DQD",
    meaning: "records whose concept is not standard, not valid or not in concept",
    threshold: 0,
  },
  domain: {
    name: "fkDomain",
    by: "DQD",
    meaning: "records whose concept belongs to another table's domain",
    threshold: 0,
  },
  dateRange: {
    name: "plausibleValueLow, plausibleValueHigh",
    by: "DQD",
    meaning: "records dated before 1950 or in the future",
    threshold: 1,
  },
  startBeforeEnd: {
    name: "plausibleStartBeforeEnd",
    by: "DQD",
    meaning: "records that end before they start",
    threshold: 1,
  },
  afterBirth: {
    name: "plausibleAfterBirth",
    by: "DQD",
    meaning: "records dated before the person's year of birth",
    threshold: 1,
  },
  beforeDeath: {
    name: "plausibleBeforeDeath",
    by: "DQD",
    meaning: "records dated more than 60 days after the person's death, of all records of those who died",
    threshold: 1,
  },
  withinVisit: {
    name: "withinVisitDates",
    by: "DQD",
    meaning: "records dated more than 7 days outside their visit, of all records with a visit",
    threshold: 5,
  },
  noValue: {
    name: "814, 1814",
    by: "Achilles",
    meaning: "observations and measurements without a number, a text or a concept as value",
    threshold: undefined,
  },
  outsidePeriod: {
    name: "208, 410, 510, 610, 710, 810, 1810",
    by: "Achilles",
    meaning: "records outside every observation period of the person",
    threshold: undefined,
  },
} as const satisfies Readonly<Record<string, QualityCheck>>;

/** One of {@link QUALITY_CHECKS}. */
export type QualityCheckId = keyof typeof QUALITY_CHECKS;
