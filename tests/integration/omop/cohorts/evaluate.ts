/** What a cohort's definition means, computed in plain TypeScript from rows, person by person. */
import {
  type CohortCriterion,
  type CohortDefinition,
  type CohortGroup,
  type CohortMember,
  isGroup,
} from "../../../../src/omop/cohorts/mod.ts";
import { birthdays, type Cell, day, type Row, text, yearOf } from "./days.ts";

type Event = CohortDefinition["entry"][number];
type Age = NonNullable<CohortDefinition["age"]>;
type Items = NonNullable<Event["concepts"]>;

/** A CDM in memory. Dates as YYYY-MM-DD. */
export interface CohortData {
  all(table: string): readonly Row[];
  ofPerson(table: string, person: Cell): readonly Row[];
}

/** A cohort and how it came about. */
export interface EvaluatedCohort {
  /** Persons and events after each step; the last one has the periods. */
  readonly steps: readonly (readonly [number, number])[];
  /** Person, start and end, sorted. */
  readonly rows: readonly (readonly [number, string, string])[];
}

/** How an event's start, end, key and concept are called. */
const COLUMNS: Readonly<Record<string, readonly [string, string, string]>> = {
  condition_occurrence: ["condition_start_date", "condition_occurrence_id", "condition_concept_id"],
  drug_exposure: ["drug_exposure_start_date", "drug_exposure_id", "drug_concept_id"],
  measurement: ["measurement_date", "measurement_id", "measurement_concept_id"],
  visit_occurrence: ["visit_start_date", "visit_occurrence_id", "visit_concept_id"],
  death: ["death_date", "person_id", "cause_concept_id"],
  observation_period: ["observation_period_start_date", "observation_period_id", ""],
};

interface Found {
  readonly row: Row;
  readonly start: number;
  readonly end: number | undefined;
  readonly key: number;
}

interface Entry extends Found {
  readonly observed: readonly [number, number];
  readonly order: number;
}

/** Evaluates definitions on one CDM. */
export class Evaluator {
  readonly #data: CohortData;
  readonly #valid: ReadonlyMap<number, boolean>;
  readonly #below: ReadonlyMap<Cell, readonly Row[]>;

  constructor(data: CohortData) {
    this.#data = data;
    this.#valid = new Map(
      data.all("concept").map((row) => [Number(row["concept_id"]), row["invalid_reason"] === null]),
    );
    this.#below = Map.groupBy(data.all("concept_ancestor"), (row) => row["ancestor_concept_id"] ?? null);
  }

  evaluate(definition: CohortDefinition): EvaluatedCohort {
    const people = new Set(
      ["observation_period", ...definition.entry.map(({ table }) => table)]
        .flatMap((table) => this.#data.all(table).map((row) => Number(row["person_id"]))),
    );
    const totals: [number, number][] = [];
    const rows: [number, string, string][] = [];
    for (const person of people) {
      const { steps, periods } = this.#person(definition, person);
      for (const [at, events] of [...steps, periods.length].entries()) {
        const total = totals[at] ??= [0, 0];
        total[0] += events > 0 ? 1 : 0;
        total[1] += events;
      }
      rows.push(...periods.map(([from, to]): [number, string, string] => [person, text(from), text(to)]));
    }
    return { steps: totals, rows: rows.sort(byRow) };
  }

  #person(definition: CohortDefinition, person: number) {
    const entries = definition.entry.flatMap((event) => this.#events(event, person));
    const periods = this.#data.ofPerson("observation_period", person).map((row) =>
      [day(row["observation_period_start_date"]), day(row["observation_period_end_date"])] as const
    );
    const backwards = definition.entry_limit === "last" ? -1 : 1;
    let left: Entry[] = entries.flatMap((entry) =>
      periods.filter(([from, to]) =>
        from <= entry.start && entry.start <= to && entry.start - from >= definition.prior_observation_days &&
        to - entry.start >= definition.post_observation_days
      ).map((observed) => ({ ...entry, observed, order: 0 }))
    ).sort((a, b) =>
      backwards * (a.start - b.start) || a.key - b.key || (a.end ?? Infinity) - (b.end ?? Infinity) ||
      a.observed[0] - b.observed[0] || a.observed[1] - b.observed[1]
    ).map((entry, order) => ({ ...entry, order }));
    const steps = [entries.length, left.length];
    const keep = (kept: Entry[]) => {
      left = kept;
      steps.push(kept.length);
    };
    if (definition.entry_limit !== "all") keep(left.slice(0, 1));
    const { age, sex } = definition;
    if (age !== undefined) keep(left.filter((entry) => this.#isAged(age, entry, person)));
    if (sex !== undefined) keep(left.filter(() => this.#isSex(sex, person)));
    for (const member of definition.with ?? []) {
      keep(left.filter((entry) => this.#holds(member, entry, person)));
    }
    for (const member of definition.without ?? []) {
      keep(left.filter((entry) => !this.#holds(member, entry, person)));
    }
    if (definition.limit !== "all") {
      const sign = definition.limit === "last" ? -1 : 1;
      keep(left.toSorted((a, b) => sign * (a.start - b.start) || a.order - b.order).slice(0, 1));
    }
    return { steps, periods: merge(this.#stays(definition, left, person), definition.merge_gap_days) };
  }

  #about(person: number): Row | undefined {
    return this.#data.all("person").find((row) => row["person_id"] === person);
  }

  #isAged(
    { min = -Infinity, max = Infinity, completed_years }: Age,
    { start }: Entry,
    person: number,
  ): boolean {
    const about = this.#about(person);
    if (about === undefined) return false;
    const years = completed_years === true
      ? birthdays(about, start)
      : yearOf(start) - Number(about["year_of_birth"]);
    return years >= min && years <= max;
  }

  #isSex(sex: "female" | "male", person: number): boolean {
    return this.#about(person)?.["gender_concept_id"] === (sex === "female" ? 8532 : 8507);
  }

  #holds(member: CohortMember, entry: Entry, person: number): boolean {
    if ("table" in member) return this.#has(member, entry, person);
    if (isGroup(member)) return this.#holdTogether(member, entry, person);
    const { age, sex } = member;
    return (age === undefined || this.#isAged(age, entry, person)) &&
      (sex === undefined || this.#isSex(sex, person));
  }

  #holdTogether(
    { any_of, all_of, of, at_least, at_most }: CohortGroup,
    entry: Entry,
    person: number,
  ): boolean {
    const holds = (member: CohortMember) => this.#holds(member, entry, person);
    if (any_of !== undefined) return any_of.some(holds);
    if (all_of !== undefined) return all_of.every(holds);
    const count = of?.filter(holds).length ?? NaN;
    return count >= (at_least ?? 0) && count <= (at_most ?? Infinity);
  }

  #has(criterion: CohortCriterion, entry: Entry, person: number): boolean {
    const { window, at_least, at_most, outside_observation } = criterion;
    const found = this.#events(criterion, person).filter(({ start }) =>
      start >= entry.start + (window?.from ?? -Infinity) && start <= entry.start + (window?.to ?? Infinity) &&
      (outside_observation === true || entry.observed[0] <= start && start <= entry.observed[1])
    );
    return found.length >= (at_least ?? (at_most === undefined ? 1 : 0)) &&
      found.length <= (at_most ?? Infinity);
  }

  /** From start to end of each entry that has an end at or after its start. */
  #stays({ exit = {} }: CohortDefinition, entries: readonly Entry[], person: number): [number, number][] {
    const { drug_era: era, censor = [] } = exit;
    const eras = era === undefined || entries.length === 0 ? [] : merge(
      this.#data.ofPerson("drug_exposure", person).flatMap((row): [number, number][] => {
        const members = this.#members(era.concepts);
        const times = [row["drug_concept_id"], row["drug_source_concept_id"]].filter((id) =>
          id !== null && members.has(Number(id))
        ).length;
        const start = day(row["drug_exposure_start_date"]);
        return Array.from({ length: times }, () => [start, drugEnd(row) + era.extra_days]);
      }),
      era.gap_days,
    );
    return entries.flatMap((entry): [number, number][] => {
      const { start, end, observed: [, last] } = entry;
      const offset = exit.days_after_start !== undefined
        ? start + exit.days_after_start
        : exit.days_after_end !== undefined
        ? (end === undefined ? undefined : end + exit.days_after_end)
        : last;
      const ends = [
        ...(offset === undefined ? [] : [Math.min(offset, last)]),
        ...eras.filter(([from, to]) => from <= start && start <= to).map(([, to]) => to),
        ...censor.flatMap((event) => this.#events(event, person)).map((found) => found.start)
          .filter((one) => one <= last),
      ].filter((one) => one >= start);
      return ends.length === 0 ? [] : [[start, Math.min(...ends)]];
    });
  }

  #events({ table, concepts, first, dates, value, units }: Event, person: number): Found[] {
    const [start = "", key = "", concept = ""] = COLUMNS[table] ?? [];
    const members = concepts === undefined ? undefined : this.#members(concepts);
    const chosen = this.#data.ofPerson(table, person)
      .filter((row) => members === undefined || members.has(Number(row[concept] ?? NaN)))
      .map((row) => ({ row, start: day(row[start]), end: endOf(table, row), key: Number(row[key]) }))
      .sort((a, b) => a.start - b.start || a.key - b.key);
    return (first === true && table !== "death" ? chosen.slice(0, 1) : chosen).filter((event) => {
      const number = event.row["value_as_number"] ?? null;
      return event.start >= (dates?.from === undefined ? -Infinity : day(dates.from)) &&
        event.start <= (dates?.to === undefined ? Infinity : day(dates.to)) &&
        (value === undefined ||
          number !== null && Number(number) >= (value.min ?? -Infinity) &&
            Number(number) <= (value.max ?? Infinity)) &&
        (units === undefined || units.includes(Number(event.row["unit_concept_id"] ?? NaN)));
    });
  }

  /** Circe's members of a set: what is included without what is excluded. */
  #members(items: Items): ReadonlySet<number> {
    const side = (excluded: boolean) =>
      new Set(
        items.filter(({ exclude }) => (exclude === true) === excluded).flatMap(
          ({ concept_id: id, include_descendants }) => [
            ...(this.#valid.has(id) ? [id] : []),
            ...(include_descendants === true
              ? (this.#below.get(id) ?? []).map((row) => Number(row["descendant_concept_id"]))
                .filter((one) => this.#valid.get(one) === true)
              : []),
          ],
        ),
      );
    return side(false).difference(side(true));
  }
}

function endOf(table: string, row: Row): number | undefined {
  switch (table) {
    case "condition_occurrence":
      return row["condition_end_date"] === null
        ? day(row["condition_start_date"]) + 1
        : day(row["condition_end_date"]);
    case "drug_exposure":
      return drugEnd(row);
    case "measurement":
      return day(row["measurement_date"]) + 1;
    case "death":
      return day(row["death_date"]) + 1;
    case "visit_occurrence":
      return row["visit_end_date"] === null ? undefined : day(row["visit_end_date"]);
    default:
      return day(row["observation_period_end_date"]);
  }
}

function drugEnd(row: Row): number {
  const start = day(row["drug_exposure_start_date"]);
  if (row["drug_exposure_end_date"] !== null) return day(row["drug_exposure_end_date"]);
  return start + (row["days_supply"] === null ? 1 : Number(row["days_supply"]));
}

/** Periods in order, those that overlap or are near made one. */
function merge(periods: readonly (readonly [number, number])[], gap: number): [number, number][] {
  const merged: [number, number][] = [];
  for (const [from, to] of periods.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const last = merged.at(-1);
    if (last !== undefined && last[1] + gap >= from) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

function byRow(a: readonly [number, string, string], b: readonly [number, string, string]): number {
  return a[0] - b[0] || (a[1] < b[1] ? -1 : Number(a[1] > b[1]));
}
