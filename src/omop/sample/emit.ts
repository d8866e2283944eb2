import { isoDate, isoDateTime, partsOf } from "./calendar.ts";
import { type Encounter, INPATIENT, OUTPATIENT, planCare } from "./care.ts";
import { CopyWriter, type SampleRow } from "./copy_text.ts";
import { DRUGS } from "./drugs.ts";
import { buildEras, type EraInput } from "./eras.ts";
import { makePatientHistory, type PatientHistory } from "./patient_history.ts";
import { careProvider, LOCATIONS } from "./care_sites.ts";
import { codeOf, SOURCE_MAPS } from "./vocabulary.ts";

/** Type concepts: where a record comes from. */
const EHR = 32817;
const ENCOUNTER_RECORD = 32827;
const EXAMINATION = 32836;
const PRESCRIPTION = 32838;
const LABORATORY = 32856;

/** The tables of persons' data; referenced tables come first. */
const PERSON_TABLES = [
  "person",
  "observation_period",
  "visit_occurrence",
  "condition_occurrence",
  "drug_exposure",
  "measurement",
  "condition_era",
  "drug_era",
  "death",
] as const;

type PersonTable = typeof PERSON_TABLES[number];

const RACE_NAMES: ReadonlyMap<number, string> = new Map([
  [8527, "white"],
  [8516, "black"],
  [8515, "asian"],
  [8657, "native"],
  [0, "other"],
]);

/** Writes persons, one after another, numbering their records. */
export class PersonEmitter {
  readonly #seed: number;
  readonly #writers: Readonly<Record<PersonTable, CopyWriter>>;
  readonly #last = new Map<PersonTable, number>();

  /**
   * Starts with no persons.
   *
   * @param seed The population's seed.
   */
  constructor(seed: number) {
    this.#seed = seed;
    this.#writers = {
      person: new CopyWriter("person"),
      observation_period: new CopyWriter("observation_period"),
      visit_occurrence: new CopyWriter("visit_occurrence"),
      condition_occurrence: new CopyWriter("condition_occurrence"),
      drug_exposure: new CopyWriter("drug_exposure"),
      measurement: new CopyWriter("measurement"),
      condition_era: new CopyWriter("condition_era"),
      drug_era: new CopyWriter("drug_era"),
      death: new CopyWriter("death"),
    };
  }

  /** The writers, in an order that satisfies foreign keys. */
  get writers(): readonly CopyWriter[] {
    return PERSON_TABLES.map((table) => this.#writers[table]);
  }

  /**
   * Writes a person with all their records.
   *
   * @param id The person's number, from 1; must increase by 1 from call to call.
   */
  emit(id: number): void {
    const { history, random } = makePatientHistory(this.#seed, id);
    this.#writePerson(history, random.integer(1, LOCATIONS));
    const conditions: EraInput[] = [];
    const drugs: EraInput[] = [];
    let preceding: number | undefined;
    for (const encounter of planCare(random, history)) {
      preceding = this.#writeVisit(history, encounter, preceding);
      for (const { concept, end } of encounter.conditions) {
        conditions.push({ concept, start: encounter.day, end: end ?? encounter.day });
      }
      for (const { name, start, end } of encounter.drugs) {
        drugs.push({ concept: DRUGS[name].ingredient, start, end });
      }
    }
    this.#writeEras(history, conditions, drugs);
  }

  #writePerson(history: PatientHistory, location: number): void {
    const { year, month, day } = partsOf(history.birth);
    const { site, provider } = careProvider(history.id, false);
    this.#write("person", {
      person_id: history.id,
      gender_concept_id: history.female ? 8532 : 8507,
      year_of_birth: year,
      month_of_birth: month,
      day_of_birth: day,
      birth_datetime: isoDateTime(history.birth, 0),
      race_concept_id: history.race,
      ethnicity_concept_id: history.ethnicity,
      location_id: location,
      provider_id: provider,
      care_site_id: site,
      person_source_value: `synthetic-${history.id}`,
      gender_source_value: history.female ? "F" : "M",
      race_source_value: RACE_NAMES.get(history.race),
      ethnicity_source_value: history.ethnicity === 38003563 ? "hispanic" : "nonhispanic",
    });
    this.#write("observation_period", {
      observation_period_id: this.#next("observation_period"),
      person_id: history.id,
      observation_period_start_date: isoDate(history.start),
      observation_period_end_date: isoDate(history.end),
      period_type_concept_id: EHR,
    });
    if (history.death === null) return;
    this.#write("death", {
      person_id: history.id,
      death_date: isoDate(history.end),
      // After all visits of that day.
      death_datetime: `${isoDate(history.end)} 23:59:00`,
      death_type_concept_id: EHR,
      cause_concept_id: history.death.cause,
      cause_source_value: history.death.cause === 0 ? null : codeOf(history.death.cause),
    });
  }

  #writeVisit(history: PatientHistory, encounter: Encounter, preceding: number | undefined): number {
    const id = this.#next("visit_occurrence");
    const { site, provider } = careProvider(history.id, encounter.kind !== OUTPATIENT);
    const at = isoDateTime(encounter.day, encounter.minute);
    // An outpatient visit lasts half an hour; an inpatient stay ends at noon.
    const stays = encounter.until > encounter.day;
    this.#write("visit_occurrence", {
      visit_occurrence_id: id,
      person_id: history.id,
      visit_concept_id: encounter.kind,
      visit_start_date: isoDate(encounter.day),
      visit_start_datetime: at,
      visit_end_date: isoDate(encounter.until),
      visit_end_datetime: isoDateTime(encounter.until, stays ? 720 : encounter.minute + 30),
      visit_type_concept_id: ENCOUNTER_RECORD,
      provider_id: provider,
      care_site_id: site,
      visit_source_value: encounter.kind === INPATIENT
        ? "inpatient"
        : encounter.kind === OUTPATIENT
        ? "office"
        : "emergency",
      preceding_visit_occurrence_id: preceding,
    });
    const common = { person_id: history.id, provider_id: provider, visit_occurrence_id: id };
    for (const { concept, end } of encounter.conditions) {
      const source = SOURCE_MAPS.find(([, target]) => target === concept)?.[0] ?? concept;
      this.#write("condition_occurrence", {
        ...common,
        condition_occurrence_id: this.#next("condition_occurrence"),
        condition_concept_id: concept,
        condition_start_date: isoDate(encounter.day),
        condition_start_datetime: at,
        condition_end_date: end === null ? null : isoDate(end),
        condition_type_concept_id: ENCOUNTER_RECORD,
        condition_source_value: codeOf(source),
        condition_source_concept_id: source,
      });
    }
    this.#writeDrugs(encounter, common);
    this.#writeMeasurements(encounter, common);
    return id;
  }

  #writeDrugs(encounter: Encounter, common: SampleRow): void {
    for (const { name, start, end, refill } of encounter.drugs) {
      const drug = DRUGS[name];
      this.#write("drug_exposure", {
        ...common,
        // A refill is collected without a visit.
        visit_occurrence_id: refill ? null : common["visit_occurrence_id"],
        drug_exposure_id: this.#next("drug_exposure"),
        drug_concept_id: drug.concept,
        drug_exposure_start_date: isoDate(start),
        drug_exposure_end_date: isoDate(end),
        drug_type_concept_id: PRESCRIPTION,
        refills: refill ? 0 : drug.refills,
        quantity: drug.days * drug.daily,
        days_supply: drug.days,
        sig: `${drug.daily} a day`,
        drug_source_value: codeOf(drug.concept),
        drug_source_concept_id: drug.concept,
      });
    }
  }

  #writeMeasurements(encounter: Encounter, common: SampleRow): void {
    for (const { concept, value, unit, low, high, laboratory } of encounter.measurements) {
      this.#write("measurement", {
        ...common,
        measurement_id: this.#next("measurement"),
        measurement_concept_id: concept,
        measurement_date: isoDate(encounter.day),
        measurement_datetime: isoDateTime(encounter.day, encounter.minute),
        measurement_type_concept_id: laboratory ? LABORATORY : EXAMINATION,
        value_as_number: value,
        unit_concept_id: unit,
        range_low: low,
        range_high: high,
        measurement_source_value: codeOf(concept),
        measurement_source_concept_id: concept,
        unit_source_value: codeOf(unit),
        value_source_value: value,
      });
    }
  }

  #writeEras(history: PatientHistory, conditions: readonly EraInput[], drugs: readonly EraInput[]): void {
    for (const era of buildEras(conditions)) {
      this.#write("condition_era", {
        condition_era_id: this.#next("condition_era"),
        person_id: history.id,
        condition_concept_id: era.concept,
        condition_era_start_date: isoDate(era.start),
        condition_era_end_date: isoDate(era.end),
        condition_occurrence_count: era.count,
      });
    }
    for (const era of buildEras(drugs)) {
      this.#write("drug_era", {
        drug_era_id: this.#next("drug_era"),
        person_id: history.id,
        drug_concept_id: era.concept,
        drug_era_start_date: isoDate(era.start),
        drug_era_end_date: isoDate(era.end),
        drug_exposure_count: era.count,
        gap_days: era.gapDays,
      });
    }
  }

  #write(table: PersonTable, row: SampleRow): void {
    this.#writers[table].write(row);
  }

  #next(table: PersonTable): number {
    const id = (this.#last.get(table) ?? 0) + 1;
    this.#last.set(table, id);
    return id;
  }
}
