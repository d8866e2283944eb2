import { ACUTE_DISEASES, type AcuteDisease } from "./acute_diseases.ts";
import { type Day, dayOf, partsOf } from "./calendar.ts";
import { type DrugName, DRUGS } from "./drugs.ts";
import { ageOn, type ConditionCourse, type PatientHistory } from "./patient_history.ts";
import { measure, type Measurement } from "./measurements.ts";
import type { Random } from "./random.ts";

/** Kinds of visits, by concept. */
export const INPATIENT = 9201;
/** An office visit. */
export const OUTPATIENT = 9202;
/** An emergency visit. */
export const EMERGENCY = 9203;

/** A visit and all that is recorded during it. */
export interface Encounter {
  readonly day: Day;
  readonly kind: number;
  /** The last day: the first day, except for inpatient stays. */
  readonly until: Day;
  /** The minute of the day at which it begins. */
  readonly minute: number;
  readonly conditions: readonly { readonly concept: number; readonly end: Day | null }[];
  readonly drugs: readonly {
    readonly name: DrugName;
    readonly start: Day;
    readonly end: Day;
    readonly refill: boolean;
  }[];
  readonly measurements: readonly Measurement[];
}

/**
 * Plans the care that a person receives within their observation period.
 *
 * @param random The person's generator.
 * @param history The person.
 * @returns The visits by day.
 */
export function planCare(random: Random, history: PatientHistory): readonly Encounter[] {
  const encounters = [
    ...onsets(random, history),
    ...acute(random, history),
    ...vaccinations(random, history),
    ...routine(random, history),
  ];
  return encounters.toSorted((left, right) => left.day - right.day || left.minute - right.minute);
}

/** Planned visits: the more chronic diseases, the more visits. */
function* routine(random: Random, history: PatientHistory): Generator<Encounter> {
  const recorded = new Set<number>();
  const suppliedUntil = new Map<DrugName, Day>();
  let day = history.start + random.integer(0, 240);
  while (day <= history.end) {
    const active = history.courses.filter((course) => course.onset <= day && course.disease.acute !== true);
    const conditions: { concept: number; end: null }[] = [];
    const drugs: Encounter["drugs"][number][] = [];
    for (const { disease, drug } of active) {
      if (!recorded.has(disease.concept) || random.chance(0.2)) {
        conditions.push({ concept: disease.concept, end: null });
      }
      recorded.add(disease.concept);
      if (drug === null || (suppliedUntil.get(drug) ?? 0) > day + 10 || !random.chance(0.8)) continue;
      const supplies = prescribe(random, history, drug, day);
      drugs.push(...supplies);
      suppliedUntil.set(drug, supplies.at(-1)?.end ?? day);
    }
    yield visit(random, history, { day, kind: OUTPATIENT, conditions, drugs, planned: true });
    day += Math.max(45, Math.round(random.integer(170, 560) / (1 + 0.35 * active.length)));
  }
}

/** The visits at which chronic diseases are diagnosed. */
function* onsets(random: Random, history: PatientHistory): Generator<Encounter> {
  for (const { disease, onset, drug } of history.courses) {
    if (onset < history.start || onset > history.end) continue;
    const conditions = [{ concept: disease.concept, end: null }];
    const drugs = drug === null ? [] : prescribe(random, history, drug, onset).slice(0, 1);
    const kind = disease.acute === true ? INPATIENT : OUTPATIENT;
    yield visit(random, history, { day: onset, kind, conditions, drugs, planned: false });
  }
}

function* acute(random: Random, history: PatientHistory): Generator<Encounter> {
  for (let year = partsOf(history.start).year; year <= partsOf(history.end).year; year++) {
    const begin = dayOf(year, 1, 1);
    const context = {
      age: Math.max(0, ageOn(history, begin + 182)),
      female: history.female,
      year,
      takes: (drug: DrugName) => history.courses.some((course) => takes(course, drug, begin)),
    };
    for (const disease of ACUTE_DISEASES) {
      if (!random.chance(disease.rate(context))) continue;
      const month = random.pick(disease.months.map((weight, at): [number, number] => [at + 1, weight]));
      const day = dayOf(year, month, random.integer(1, 28));
      // Drawn for the whole year; only the observation period is recorded.
      if (day >= history.start && day <= history.end) yield acuteVisit(random, history, disease, day);
    }
  }
}

function acuteVisit(random: Random, history: PatientHistory, disease: AcuteDisease, day: Day): Encounter {
  const end = Math.min(history.end, day + random.integer(...disease.lasts));
  const drug = random.pick(disease.treatments);
  const draw = random.unit();
  const kind = draw < disease.inpatient
    ? INPATIENT
    : draw < disease.inpatient + disease.emergency
    ? EMERGENCY
    : OUTPATIENT;
  return visit(random, history, {
    day,
    kind,
    conditions: [{ concept: disease.concept, end }],
    drugs: drug === null ? [] : prescribe(random, history, drug, day).slice(0, 1),
    planned: false,
  });
}

/** Influenza vaccinations, in autumn. */
function* vaccinations(random: Random, history: PatientHistory): Generator<Encounter> {
  for (let year = partsOf(history.start).year; year <= partsOf(history.end).year; year++) {
    const day = dayOf(year, 10, 1) + random.integer(0, 55);
    const age = ageOn(history, day);
    if (!random.chance(age >= 65 ? 0.55 : age > 0.5 ? 0.2 : 0) || day < history.start || day > history.end) {
      continue;
    }
    const drugs = prescribe(random, history, "influenzaVaccine", day);
    yield {
      day,
      kind: OUTPATIENT,
      until: day,
      minute: random.integer(480, 1020),
      conditions: [],
      drugs,
      measurements: [],
    };
  }
}

interface VisitPlan {
  readonly day: Day;
  readonly kind: number;
  readonly conditions: Encounter["conditions"];
  readonly drugs: Encounter["drugs"];
  readonly planned: boolean;
}

function visit(
  random: Random,
  history: PatientHistory,
  { day, kind, conditions, drugs, planned }: VisitPlan,
): Encounter {
  const nights = kind === INPATIENT ? random.integer(1, 8) : 0;
  // Emergencies occur at any hour, planned visits during office hours.
  const minute = kind === OUTPATIENT ? random.integer(480, 1020) : random.integer(0, 1380);
  return {
    day,
    kind,
    until: Math.min(history.end, day + nights),
    minute,
    conditions,
    drugs,
    measurements: planned || random.chance(0.4) || kind !== OUTPATIENT
      ? measure(random, history, day, planned)
      : [],
  };
}

/** A supply and its refills, until the person no longer collects them or the observation ends. */
function prescribe(random: Random, history: PatientHistory, name: DrugName, day: Day): Encounter["drugs"] {
  const { days, refills } = DRUGS[name];
  const supplies: Encounter["drugs"][number][] = [];
  let start = day;
  for (let collected = 0; collected <= refills && start <= history.end; collected++) {
    supplies.push({ name, start, end: Math.min(history.end, start + days - 1), refill: collected > 0 });
    if (!random.chance(0.85)) break;
    start += days + random.integer(-4, 12);
  }
  return supplies;
}

function takes(course: ConditionCourse, drug: DrugName, day: Day): boolean {
  return course.drug === drug && course.onset <= day;
}
