/** Rules about relations of a SELECT and how they are joined. */
import { type ColumnKind, columnsOf, ERA_OF, fieldOfKey } from "./columns.ts";
import type { Call } from "../../lib/sql_outline.ts";
import type { Scope } from "./scope.ts";
import type { LintWarning } from "./warning.ts";

type Found = readonly LintWarning[];

/** Keys that are words: a text may well be compared with them. */
const WORD_KEYS: ReadonlySet<string> = new Set(["vocabulary", "domain", "concept_class", "relationship"]);
/** Tables of one row, or none, which nothing can be joined to. */
const SINGLE: ReadonlySet<string> = new Set(["cdm_source", "metadata"]);
const COUNTING: ReadonlySet<string> = new Set(["count", "sum", "avg"]);

/** Two keys that are compared must be keys of the same table. */
export function keyMismatch(scope: Scope): Found {
  return scope.joins.flatMap(([left, right]) => {
    const kinds = [scope.kind(use(left)), scope.kind(use(right))] as const;
    const keys = kinds.flatMap((kind) => isKey(kind) ? [kind.key] : []);
    const differ = new Set(keys).size > 1 ||
      kinds.includes("text") && keys.some((key) => !WORD_KEYS.has(key));
    return differ
      ? [{
        rule: "key-mismatch",
        problem:
          `${left.table}.${left.column} is compared with ${right.table}.${right.column}, which identifies something else`,
        fix: "Join columns that refer to the same table; describe_cdm shows their keys",
      }]
      : [];
  });
}

/** Tables without a condition that connects them are multiplied with each other. */
export function unrelatedTables(scope: Scope, inner: readonly Scope[]): Found {
  const { relations, comparisons } = scope.own;
  const joined = scope.tables.filter(({ table, join }) => join !== "cross" && !SINGLE.has(table));
  if (joined.length < 2) return [];
  const groups = new Groups(relations.map(({ alias }) => alias));
  const together = [
    ...comparisons.map(({ left, right }) => [left, ...right].flatMap(({ columns }) => columns)),
    // A subquery may connect them.
    ...inner.map(({ own }) => own.columns.filter(({ relation }) => relation !== null)),
  ];
  for (const columns of together) {
    const aliases = columns.map((column) => column.relation ?? scope.find(column)?.alias);
    // A column whose relation is not known may connect any.
    if (aliases.includes(undefined)) return [];
    groups.join(aliases.filter((alias) => alias !== undefined));
  }
  const apart = Map.groupBy(joined, ({ alias }) => groups.of(alias));
  if (apart.size < 2) return [];
  const names = [...apart.values()].flatMap(([first]) => first === undefined ? [] : [first.table]);
  return [{
    rule: "unrelated-tables",
    problem: `No condition connects ${names.join(" and ")}: every row is combined with every row`,
    fix: "Join them, most often on person_id; write CROSS JOIN if every combination is meant",
  }];
}

/** Rows of persons that are connected by a date or a text only are rows of different persons. */
export function personLink(scope: Scope, inner: readonly Scope[]): Found {
  const persons = scope.tables.filter(({ table, join }) =>
    join !== "cross" && columnsOf(table, scope.version).some(({ name }) => name === "person_id")
  );
  if (persons.length < 2 || unrelatedTables(scope, inner).length > 0) return [];
  const groups = new Groups(scope.own.relations.map(({ alias }) => alias));
  for (const { op, left, right } of scope.own.comparisons) {
    // The columns that a subquery names do not connect the relations here.
    const words = [left.column, right[0]?.column].map((one) => scope.find(one))
      .some((one) => one !== undefined && !/_id(?:_\d)?$|^\*$/.test(one.column));
    if (op !== "=" || words) continue;
    const aliases = [left, ...right].flatMap(({ columns }) => columns)
      .map((column) => column.relation ?? scope.find(column)?.alias);
    if (aliases.includes(undefined)) return [];
    groups.join(aliases.filter((alias) => alias !== undefined));
  }
  const apart = Map.groupBy(persons, ({ alias }) => groups.of(alias));
  const names = [...apart.values()].flatMap(([first]) => first === undefined ? [] : [first.table]);
  // A subquery may connect them by person.
  if (names.length < 2 || inner.length > 0) return [];
  return [{
    rule: "person-link",
    problem: `${names.join(" and ")} are joined without a key: rows of different persons are matched`,
    fix: "Join them on person_id, too",
  }];
}

/** A key whose table another column names needs that column: the same number is a key of other tables, too. */
export function keyField(scope: Scope): Found {
  return scope.joins.flatMap((pair) => {
    const [left, right] = pair;
    const field = fieldOfKey(left.column);
    const [key, pattern, other] = field === undefined
      ? [right, fieldOfKey(right.column), left]
      : [left, field, right];
    if (pattern === undefined || scope.uses(key.alias, (column) => pattern.test(column))) return [];
    return [{
      rule: "key-field",
      problem:
        `${key.table}.${key.column} is a key of several tables, and ${other.table}.${other.column} may have the same number by chance`,
      fix: `Add a condition on the column of ${key.table} that says which: ${pattern.source.slice(1, -1)}`,
    }];
  });
}

/** A condition in WHERE on the right side of a LEFT JOIN makes it an inner join. */
export function leftJoinLost(scope: Scope): Found {
  const outer = new Set(scope.own.relations.filter(({ join }) => join === "left").map(({ alias }) => alias));
  const lost = scope.own.comparisons.find(({ op, clause, optional, left, right }) =>
    clause === "where" && !optional && op !== "is null" &&
    [left, ...right].some(({ column }) => outer.has(column?.relation ?? scope.find(column)?.alias ?? ""))
  );
  return lost === undefined ? [] : [{
    rule: "left-join-lost",
    problem: "WHERE compares a column of the right side of a LEFT JOIN, so rows without a match are dropped",
    fix: "Move the condition into ON, or write JOIN if they are to be dropped",
  }];
}

/** Eras are made of occurrences: together they count the same events twice. */
export function eraMix(scope: Scope): Found {
  const tables = new Set(scope.tables.map(({ table }) => table));
  const era = [...ERA_OF].find(([each, rows]) => tables.has(each) && tables.has(rows));
  if (era === undefined || allDistinct(scope.own.calls, scope.own.distinct)) return [];
  return [eraWarning(era, `${era[0]} is joined with ${era[1]}`)];
}

/** Finds eras beside their occurrences in the parts of a UNION. */
export function eraUnion(scopes: readonly Scope[]): Found {
  const parts = scopes.filter(({ own }) => own.combined);
  const tables = new Set(parts.flatMap((scope) => scope.tables.map(({ table }) => table)));
  const era = [...ERA_OF].find(([each, rows]) => tables.has(each) && tables.has(rows));
  return era === undefined ? [] : [eraWarning(era, `A UNION has rows of ${era[0]} and of ${era[1]}`)];
}

/** Two tables of events joined by person only: each row of one is repeated for each row of the other. */
export function fanOut(scope: Scope): Found {
  const { events } = scope;
  const counting = scope.own.calls.filter(({ name, distinct, window, clause }) =>
    COUNTING.has(name) && !distinct && !window && (clause === "output" || clause === "having")
  );
  if (events.length < 2 || counting.length === 0) return [];
  const groups = new Groups(events.map(({ alias }) => alias));
  for (const [left, right] of scope.joins) {
    if (left.column !== "person_id" || right.column !== "person_id") groups.join([left.alias, right.alias]);
  }
  const apart = new Set(events.map(({ alias }) => groups.of(alias)));
  const [first, second] = [...apart].map((group) =>
    events.find(({ alias }) => groups.of(alias) === group)?.table
  );
  if (first === undefined || second === undefined) return [];
  return [{
    rule: "fan-out",
    problem:
      `${first} and ${second} are joined by person only, so each row is repeated for each of the other's, and counts and sums are too high`,
    fix: "Use EXISTS for one of them, aggregate it by person first, or count(DISTINCT …)",
  }];
}

/** A join with observation periods is usually meant to keep the events within them. */
export function observationPeriod(scope: Scope): Found {
  const period = scope.tables.find(({ table }) => table === "observation_period");
  const [event] = scope.events;
  if (period === undefined || event === undefined) return [];
  if (scope.uses(period.alias, (column) => column.endsWith("_date"))) return [];
  return [{
    rule: "observation-period",
    problem:
      `observation_period is joined without its dates: events of ${event.table} outside observation count, and persons with several periods repeat`,
    fix: "Add: the event's date BETWEEN observation_period_start_date AND observation_period_end_date",
  }];
}

function eraWarning([era, rows]: readonly [string, string], problem: string): LintWarning {
  return {
    rule: "era-mix",
    problem: `${problem}, of which it is made: the same events count more than once`,
    fix: `Use either ${era} or ${rows}`,
  };
}

function allDistinct(calls: readonly Call[], distinct: boolean): boolean {
  const counting = calls.filter(({ name, window }) => COUNTING.has(name) && !window);
  return counting.length === 0 ? distinct : counting.every((call) => call.distinct);
}

function isKey(kind: ColumnKind): kind is { readonly key: string } {
  return typeof kind === "object";
}

function use({ alias, column }: { readonly alias: string; readonly column: string }) {
  return { relation: alias, column };
}

/** Names that are connected with each other. */
class Groups {
  readonly #group = new Map<string, string>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#group.set(name, name);
  }

  of(name: string): string {
    return this.#group.get(name) ?? name;
  }

  join(names: readonly string[]): void {
    const known = names.filter((name) => this.#group.has(name));
    const [first] = known;
    if (first === undefined) return;
    const target = this.of(first);
    const groups = new Set(known.map((name) => this.of(name)));
    if (groups.size === 1) return;
    for (const [name, group] of this.#group) if (groups.has(group)) this.#group.set(name, target);
  }
}
