/** A random typed query, and the rows that it means, computed without SQL. */
import { Random } from "../../../../src/omop/sample/random.ts";
import type { OmopQueryInput } from "../../../../src/omop/query/mod.ts";
import { type RandomAggregate, randomAggregate } from "./random_aggregate.ts";
import { randomCondition } from "./random_condition.ts";
import { days, oneOf, type RandomValue, RandomValues } from "./random_value.ts";
import { type Cell, compare, DATES, type Row, type Rows, type Type } from "./rows.ts";

/** A column of the expected result. */
interface Expected {
  readonly name: string;
  readonly type: Type;
  readonly of: (group: readonly Row[]) => Cell;
}

/** A query, and its answer. */
export interface RandomQuery {
  readonly input: OmopQueryInput;
  readonly columns: readonly Pick<Expected, "name" | "type">[];
  /** All rows, sorted as the query wants; rows that it does not order are in any order. */
  readonly rows: readonly (readonly Cell[])[];
  /** Of which columns the order is given. */
  readonly order: readonly number[];
}

/** The tables that queries are about. */
const TABLES = ["person", ...DATES.keys()];

/** Columns whose numbers have a unit. */
const NUMBERS = ["value_as_number", "range_low", "range_high"];

/** Makes the query of a number. */
export function randomQuery(seed: number, number: number, rows: Rows): RandomQuery {
  const random = new Random(seed, number);
  const table = oneOf(random, TABLES);
  const values = new RandomValues(random, rows, table);
  const condition = () =>
    randomCondition<Row>({ random, rows, operand: () => values.any(), samples: rows.all(table) });
  const several = (chance: number) =>
    random.chance(chance) ? Array.from({ length: random.integer(1, 2) }, condition) : [];

  const filters = several(0.6);
  const perPerson = table !== "person" && random.chance(0.25)
    ? oneOf(random, ["first", "last"] as const)
    : undefined;
  const then = perPerson === undefined ? [] : several(0.5);
  const persons = random.chance(0.3)
    ? Array.from(
      { length: random.integer(1, 2) },
      () => criterion(random, rows, table, perPerson !== undefined && random.chance(0.5)),
    )
    : [];
  let kept = rows.all(table).filter((row) => filters.every(({ holds }) => holds(row) === true));
  kept = kept.filter((row) => persons.every(({ before, holds }) => !before || holds(row)));
  if (perPerson !== undefined) kept = picked(kept, table, perPerson);
  kept = kept.filter((row) => then.every(({ holds }) => holds(row) === true));
  kept = kept.filter((row) => persons.every(({ before, holds }) => before || holds(row)));

  const grouped = random.chance(0.65);
  const names = new Names();
  const conceptName = random.chance(0.25);
  const chosen = Array.from(
    { length: random.integer(grouped && random.chance(0.3) ? 0 : 1, 3) },
    () => names.named(values.any(), random),
  ).filter((one) => one !== undefined);
  const aggregates = !grouped || chosen.length > 0 && random.chance(0.1) ? [] : Array.from(
    { length: random.integer(1, 3) },
    (_, at) => randomAggregate(random, values, `a${at}`),
  );
  const columns: Expected[] = [];
  for (const { name, value } of chosen) {
    columns.push({ name, type: value.type, of: ([row]) => row === undefined ? null : value.of(row) });
    const named = conceptName && value.type === "bigint"
      ? name.replace(/(^|_)concept_id(_\d)?$/, "$1concept_name$2")
      : name;
    if (named === name || rows.columns(table).has(named)) continue;
    columns.push({
      name: named,
      type: "text",
      of: ([row]) => (row && rows.byKey("concept", value.of(row))?.["concept_name"]) ?? null,
    });
  }
  columns.push(...aggregates);
  const measured = aggregates.find(({ json }) => json.fn !== "count" && NUMBERS.includes(json.column ?? ""))
    ?.json.column;
  if (measured !== undefined && !chosen.some(({ text }) => text.startsWith("unit_"))) {
    columns.push({ name: "units", type: "text", of: (group) => units(rows, measured, group) });
  }

  const whole = chosen.length === 0;
  if (
    chosen.length === 0 && aggregates.length === 0 ||
    new Set(columns.map(({ name }) => name)).size < columns.length
  ) {
    return randomQuery(seed, number + 1_000_000, rows);
  }
  let groups: readonly (readonly Row[])[] = kept.map((row) => [row]);
  if (grouped) {
    const byKey = Map.groupBy(kept, (row) => JSON.stringify(chosen.map(({ value }) => value.of(row))));
    groups = whole ? [kept] : [...byKey.values()];
  }
  const having = aggregates.length > 0 && random.chance(0.3)
    ? [randomCondition<readonly Row[]>({
      random,
      rows,
      operand: () => operandOf(oneOf(random, aggregates)),
      samples: groups.slice(0, 200),
    })]
    : [];
  groups = groups.filter((group) => having.every(({ holds }) => holds(group) === true));

  const order = random.chance(0.6) ? ordering(random, columns) : [];
  const result = groups.map((group) => columns.map((column) => column.of(group)));
  const sorted = result.toSorted((a, b) => {
    for (const { at, descending } of order) {
      const [x = null, y = null] = [a[at], b[at]];
      // Nulls are last in both directions.
      const by = x === null || y === null ? compare(x, y) : compare(x, y) * (descending ? -1 : 1);
      if (by !== 0) return by;
    }
    return 0;
  });
  const listed = (list: readonly { readonly json: unknown }[]) =>
    list.map(({ json }) => json as Record<string, unknown>);
  const [withRows, without] = [true, false].map((wanted) => persons.filter((one) => one.wanted === wanted));
  return {
    input: {
      table,
      ...(filters.length === 0 ? {} : { filters: listed(filters) }),
      ...(perPerson === undefined ? {} : { per_person: perPerson }),
      ...(then.length === 0 ? {} : { then_filters: listed(then) }),
      ...(persons.length === 0 ? {} : {
        persons: {
          ...(withRows?.length === 0 ? {} : { with: withRows?.map(({ json }) => json) }),
          ...(without?.length === 0 ? {} : { without: without?.map(({ json }) => json) }),
        },
      }),
      ...(conceptName ? { concept_name: true } : {}),
      ...(chosen.length === 0 ? {} : { [grouped ? "group_by" : "columns"]: chosen.map(({ text }) => text) }),
      ...(aggregates.length === 0 ? {} : { aggregates: aggregates.map(({ json }) => json) }),
      ...(having.length === 0 ? {} : { having: listed(having) }),
      ...(order.length === 0 ? {} : { order_by: order.map(({ json }) => json) }),
      ...(random.chance(0.4) ? { limit: random.integer(1, 60) } : {}),
    },
    columns,
    rows: sorted,
    order: order.map(({ at }) => at),
  } as RandomQuery;
}

/** Gives values names that are different from each other and from the table's columns. */
class Names {
  readonly #texts = new Set<string>();
  #count = 0;

  named(value: RandomValue, random: Random): { text: string; name: string; value: RandomValue } | undefined {
    if (value.own !== undefined && random.chance(0.7)) {
      if (this.#texts.has(value.text)) return undefined;
      this.#texts.add(value.text);
      return { text: value.text, name: value.own, value };
    }
    const name = `c${this.#count++}`;
    return { text: `${value.text} as ${name}`, name, value };
  }
}

function operandOf({ name, type, of }: RandomAggregate) {
  return { text: name, type, of, inexact: type === "numeric" };
}

/** Each person's first or last row by date, of several on a day by key. */
function picked(rows: readonly Row[], table: string, which: "first" | "last"): Row[] {
  const [date = "", key] = [DATES.get(table), `${table}_id`];
  const byPerson = Map.groupBy(rows, (row) => row["person_id"]);
  return [...byPerson.values()].map((own) =>
    own.toSorted((a, b) =>
      compare(a[date] ?? null, b[date] ?? null) || compare(a[key] ?? null, b[key] ?? null)
    ).at(which === "first" ? 0 : -1)
  ).filter((row) => row !== undefined);
}

/** Persons with, or without, rows of another table. */
function criterion(random: Random, rows: Rows, table: string, before: boolean) {
  const other = oneOf(random, TABLES);
  const values = new RandomValues(random, rows, other);
  const filters = random.chance(0.6)
    ? [randomCondition<Row>({ random, rows, operand: () => values.any(), samples: rows.all(other) })]
    : [];
  const [date, otherDate] = [DATES.get(table), DATES.get(other)];
  const dated = date !== undefined && otherDate !== undefined && random.chance(0.5);
  const [low = 0, high = 0] = [random.integer(-900, 400), random.integer(-400, 900)].toSorted((a, b) =>
    a - b
  );
  const ofEnd = random.chance(0.3);
  const overlaps = date !== undefined && otherDate !== undefined && random.chance(0.2);
  const lastDay = (row: Row, name: string) => row[name.replace("_start_", "_end_")] ?? row[name] ?? null;
  const window = {
    ...(ofEnd ? { of: "end" } : {}),
    ...(random.chance(0.7) ? { from: random.chance(0.3) ? 0 : low } : {}),
    ...(random.chance(0.7) ? { to: Math.max(high, 0) } : {}),
  };
  const least = random.chance(0.4) ? random.integer(1, 5) : undefined;
  const wanted = random.chance(0.6);
  return {
    wanted,
    before,
    json: {
      table: other,
      ...(filters.length === 0 ? {} : { filters: filters.map(({ json }) => json) }),
      ...(dated ? { window } : {}),
      ...(overlaps ? { overlaps } : {}),
      ...(before ? { before_per_person: true } : {}),
      ...(least === undefined ? {} : { at_least: least }),
    },
    holds(row: Row): boolean {
      const found = rows.ofPerson(other, row["person_id"] ?? null).filter((one) => {
        const from = date === undefined ? null : ofEnd ? lastDay(row, date) : row[date] ?? null;
        const apart = dated ? days(from, one[otherDate] ?? null) ?? NaN : 0;
        const within = !dated || apart >= (window.from ?? -Infinity) && apart <= (window.to ?? Infinity);
        const shared = !overlaps ||
          (days(one[otherDate] ?? null, lastDay(row, date)) ?? -1) >= 0 &&
            (days(row[date] ?? null, lastDay(one, otherDate)) ?? -1) >= 0;
        return within && shared && filters.every(({ holds }) => holds(one) === true);
      });
      return (found.length >= (least ?? 1)) === wanted;
    },
  };
}

/** The names of the units of the numbers that were there, in the order of their concepts. */
function units(rows: Rows, number: string, group: readonly Row[]): Cell {
  const ids = group.filter((row) => row[number] !== null).map((row) => Number(row["unit_concept_id"] ?? 0));
  const names = [...new Set(ids)].toSorted((a, b) => a - b).flatMap((id) =>
    rows.byKey("concept", id)?.["concept_name"] ?? []
  );
  return names.length === 0 ? null : names.join(" | ");
}

function ordering(random: Random, columns: readonly Expected[]) {
  const places = [
    ...new Set(Array.from({ length: random.integer(1, 3) }, () => random.integer(0, columns.length - 1))),
  ];
  return places.map((at) => {
    const [name, descending] = [columns[at]?.name ?? "", random.chance(0.5)];
    const json = random.pick<unknown>([
      [descending ? `-${name}` : name, 2],
      [`${name} ${descending ? "desc" : "asc"}`, 1],
      [{ column: name, direction: descending ? "desc" : "asc" }, 1],
    ]);
    return { at, descending, json };
  });
}
