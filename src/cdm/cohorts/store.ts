/** The cohorts that a server holds for its callers: definitions, which end with the server. */
import type { RawBuilder } from "kysely";
import { OmcpError } from "../../errors.ts";
import { closestNames } from "../../lib/closest_names.ts";
import { type CohortExpression, type CohortRow, cohortSelect } from "../../omop/cohorts/mod.ts";
import type { PersonSet } from "../../omop/query/mod.ts";

/** The most principals whose cohorts are held, and the most cohorts of one principal. */
const MOST_PRINCIPALS = 100;
const MOST_COHORTS = 100;

/** A cohort that is held: one that was defined, or the persons of a query's result. */
export type HeldCohort =
  & { readonly name: string }
  & ({ readonly expression: CohortExpression } | { readonly persons: PersonSet });

/** What {@link CohortStore.hold} did besides. */
export interface Held {
  /** Whether a cohort of this name was there. */
  readonly replaced: boolean;
  /** The cohort that made room: the one that had been unused for the longest. */
  readonly dropped: string | undefined;
}

/** Holds cohorts by their owner and name. */
export class CohortStore {
  /** Principals and cohorts in the order of their last use. */
  readonly #owners = new Map<string, Map<string, HeldCohort>>();

  /**
   * Holds a cohort, in place of the owner's earlier one of that name.
   *
   * @param owner The principal's id.
   * @param cohort The cohort.
   */
  hold(owner: string, cohort: HeldCohort): Held {
    const own = this.#owners.get(owner) ?? new Map<string, HeldCohort>();
    const replaced = moveLast(own, cohort.name, cohort);
    const dropped = bound(own, MOST_COHORTS);
    moveLast(this.#owners, owner, own);
    bound(this.#owners, MOST_PRINCIPALS);
    return { replaced, dropped };
  }

  /**
   * Finds a cohort.
   *
   * @param owner The principal's id.
   * @param name The cohort's name.
   * @throws {OmcpError} `cohort_not_found` with the names that there are.
   */
  get(owner: string, name: string): HeldCohort {
    const own = this.#owners.get(owner);
    const cohort = own?.get(name);
    if (own === undefined || cohort === undefined) throw notFound(name, this.names(owner));
    moveLast(own, name, cohort);
    moveLast(this.#owners, owner, own);
    return cohort;
  }

  /**
   * The names of a principal's cohorts, the last used first.
   *
   * @param owner The principal's id.
   */
  names(owner: string): readonly string[] {
    return [...this.#owners.get(owner)?.keys() ?? []].reverse();
  }

  /**
   * A cohort's rows, for use as a subquery.
   *
   * @param owner The principal's id.
   * @param name The cohort's name.
   * @param schema The schema of the CDM's tables.
   * @returns A SELECT of person_id, cohort_start_date and cohort_end_date, see {@link cohortSelect}.
   * @throws {OmcpError} As {@link get}.
   */
  select(owner: string, name: string, schema: string): RawBuilder<CohortRow> {
    const held = this.get(owner, name);
    return "persons" in held ? held.persons.rows : cohortSelect(held.expression, schema);
  }
}

/** Sets an entry as the last one of a map. Returns whether its key was there. */
function moveLast<T>(map: Map<string, T>, key: string, value: T): boolean {
  const had = map.delete(key);
  map.set(key, value);
  return had;
}

/** Deletes the first entry of a map that has too many. Returns its key. */
function bound(map: Map<string, unknown>, most: number): string | undefined {
  const [first] = map.keys();
  if (map.size <= most || first === undefined) return undefined;
  map.delete(first);
  return first;
}

function notFound(name: string, names: readonly string[]): OmcpError {
  const close = closestNames(name, names);
  const hint = close.length > 0 ? `Did you mean ${close.join(" or ")}? ` : "";
  return new OmcpError("cohort_not_found", `No cohort ${JSON.stringify(name)} is held`, {
    next: names.length === 0
      ? "Define it with define_cohort, or with as_cohort in query_omop: cohorts are gone when the server ends."
      : `${hint}Held: ${names.join(", ")}. Or define it with define_cohort.`,
  });
}
