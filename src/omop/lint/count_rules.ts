/** Rules about numbers that a SELECT computes. */
import type { Scope } from "./scope.ts";
import type { LintWarning } from "./warning.ts";

type Found = readonly LintWarning[];

/** Names that a reader takes for numbers of people. */
const PEOPLE = /(?:^|_)(?:patients?|persons?|people|subjects?)(?:_|$)/;
/** Names of other things about people. */
const NOT_PEOPLE = /per_|_id$|years|time|days|age|records|visits|events/;
const YEAR_CALLS: ReadonlySet<string> = new Set(["extract", "date_part", "year"]);
const STATISTICS = /^(?:avg|sum|min|max|stddev\w*|variance|var_\w+)$/;

/** Whether a number's name says that it counts people. @param name The name. */
export function countsPeople(name: string | null): boolean {
  return name !== null && PEOPLE.test(name) && !NOT_PEOPLE.test(name);
}

/** Rows of events are not persons. */
export function personsCounted(scope: Scope): Found {
  const [event] = scope.events;
  const found = scope.own.calls.find(({ name, distinct, window, alias }) =>
    name === "count" && !distinct && !window && countsPeople(alias)
  );
  return event === undefined || found === undefined ? [] : [personsWarning(found.alias ?? "", event.table)];
}

/** @param name The number's name. @param table The table whose rows it counts. */
export function personsWarning(name: string, table: string): LintWarning {
  return {
    rule: "persons",
    problem: `${name} counts rows of ${table}, of which a person may have many`,
    fix: "Count distinct person_id",
  };
}

/** The year of birth alone makes people up to a year older. */
export function birthYearAge(scope: Scope): Found {
  const found = scope.own.differences.some(([left, right]) =>
    right.columns.some(({ column }) => column === "year_of_birth") &&
    (YEAR_CALLS.has(left.call ?? "") || /^(?:19|20)\d\d$/.test(left.value ?? ""))
  );
  return found
    ? [{
      rule: "birth-year-age",
      problem: "Age from years alone, as ATLAS computes it, is up to a year above completed years",
      fix: "Where completed years are meant, use birth_datetime, or age_at(…) in query_omop",
    }]
    : [];
}

/** A statistic over all measurements mixes quantities. */
export function mixedMeasurements(scope: Scope): Found {
  const found = scope.own.calls.some(({ name, columns }) =>
    STATISTICS.test(name) &&
    columns.some((use) => use.column === "value_as_number" && scope.find(use)?.table === "measurement")
  );
  const chosen = scope.own.columns.some(({ column }) => column === "measurement_concept_id");
  return !found || chosen ? [] : [mixedWarning()];
}

/** The warning about a statistic over several quantities. */
export function mixedWarning(): LintWarning {
  return {
    rule: "mixed-measurements",
    problem: "A statistic of value_as_number over all measurements mixes quantities and units",
    fix: "Filter or group by measurement_concept_id and unit_concept_id; find_measurement shows them",
  };
}
