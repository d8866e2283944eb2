/** Random values of a row, as a query names them and as plain TypeScript computes them. */
import type { Random } from "../../../../src/omop/sample/random.ts";
import { type Cell, DATES, type Row, type Rows, type Type } from "./rows.ts";

/** What a query's text means. */
export interface RandomValue {
  readonly text: string;
  readonly type: Type;
  /** The name in the result, if the table has a column of that name. */
  readonly own?: string;
  /** The name of the column, whatever its table; absent for a function. */
  readonly column?: string;
  readonly of: (row: Row) => Cell;
}

/** One of several. */
export function oneOf<T>(random: Random, choices: readonly T[]): T {
  return random.pick(choices.map((choice) => [choice, 1] as const));
}

/** Makes values of one table. */
export class RandomValues {
  readonly #random: Random;
  readonly #rows: Rows;
  readonly table: string;

  constructor(random: Random, rows: Rows, table: string) {
    this.#random = random;
    this.#rows = rows;
    this.table = table;
  }

  /** A column or a function. */
  any(): RandomValue {
    const own = () => this.column(0);
    return this.#random.pick<() => RandomValue>([
      [own, 5],
      [() => this.column(), 4],
      [() => this.#function(), 3],
    ])();
  }

  /** A column or function of one of some types. */
  of(...types: readonly Type[]): RandomValue {
    while (true) {
      const value = this.any();
      if (types.includes(value.type)) return value;
    }
  }

  /** A column of the table or of one that its keys lead to. */
  column(steps = this.#random.pick([[0, 3], [1, 5], [2, 3], [3, 1]])): RandomValue {
    let table = this.table;
    const path: string[] = [];
    const walk: ((row: Row) => Row | undefined)[] = [];
    for (let left = steps; left > 0; left--) {
      const choices = this.#steps(table);
      if (choices.length === 0) break;
      const next = oneOf(this.#random, choices);
      path.push(next.name);
      walk.push(next.follow);
      table = next.table;
    }
    const [column, type] = oneOf(this.#random, [...this.#rows.columns(table)]);
    const text = [...path, column].join(".");
    return {
      text,
      type,
      column,
      ...(path.length === 0 ? { own: column } : {}),
      of(row) {
        let at: Row | undefined = row;
        for (const follow of walk) at = at && follow(at);
        return at?.[column] ?? null;
      },
    };
  }

  /** Where a row's keys lead. */
  #steps(table: string) {
    const rows = this.#rows;
    const columns = [...rows.columns(table).keys()];
    const date = DATES.get(table);
    const steps = columns.flatMap(function step(key) {
      const name = key.replace(/_id$/, "");
      const target = /_concept$/.test(name) ? "concept" : name.replace(/^preceding_/, "");
      if (!key.endsWith("_id") || target === table && name === table || rows.columns(target).size === 0) {
        return [];
      }
      return [{
        name: name === "visit_occurrence" ? "visit" : name,
        table: target,
        follow: (row: Row) => rows.byKey(target, row[key] ?? null),
      }];
    });
    if (date === undefined || table === "observation_period") return steps;
    return [...steps, {
      name: "period",
      table: "observation_period",
      follow: (row: Row) => rows.period(row["person_id"] ?? null, row[date] ?? null),
    }];
  }

  #function(): RandomValue {
    const random = this.#random;
    const choice = random.integer(0, 9);
    if (choice < 4) {
      const part = oneOf(random, ["year", "quarter", "month", "day"] as const);
      const date = this.#date();
      return { text: `${part}(${date.text})`, type: "integer", of: (row) => partOf(part, date.of(row)) };
    }
    if (choice < 6 && (this.table === "person" || this.#rows.columns(this.table).has("person_id"))) {
      return this.#age();
    }
    if (choice < 8) {
      const [from, to] = [this.#date(true), this.#date()];
      return {
        text: `days_between(${from.text}, ${to.text})`,
        type: "integer",
        of: (row) => days(from.of(row), to.of(row)),
      };
    }
    const of = this.#number();
    const edges = Array.from(
      { length: random.integer(1, 4) },
      () => random.chance(0.2) ? random.integer(-40, 400) / 4 : random.integer(-10, 2100),
    );
    const rising = [...new Set(edges)].toSorted((a, b) => a - b);
    return {
      text: `band(${of.text}, ${rising.join(", ")})`,
      type: rising.every(Number.isInteger) ? "integer" : "numeric",
      of(row) {
        const value = of.of(row);
        return value === null ? null : rising.findLast((edge) => edge <= Number(value)) ?? null;
      },
    };
  }

  #age(): RandomValue {
    const [rows, table] = [this.#rows, this.table];
    const date = this.#date();
    return {
      text: `age_at(${date.text})`,
      type: "integer",
      of(row) {
        const on = date.of(row);
        const person = table === "person" ? row : rows.byKey("person", row["person_id"] ?? null);
        if (person === undefined || on === null) return null;
        const born = person["birth_datetime"] ?? [
          String(person["year_of_birth"]).padStart(4, "0"),
          String(person["month_of_birth"] ?? 1).padStart(2, "0"),
          String(person["day_of_birth"] ?? 1).padStart(2, "0"),
        ].join("-");
        const [then, now] = [String(born).slice(0, 10), String(on).slice(0, 10)];
        const years = Number(now.slice(0, 4)) - Number(then.slice(0, 4));
        return now.slice(5) < then.slice(5) ? years - 1 : years;
      },
    };
  }

  #number(): RandomValue {
    while (true) {
      const value = this.#random.chance(0.3) ? this.#age() : this.column();
      if (value.type === "integer" || value.type === "numeric") return value;
      if (this.#random.chance(0.05)) {
        const date = this.#date();
        return { text: `year(${date.text})`, type: "integer", of: (row) => partOf("year", date.of(row)) };
      }
    }
  }

  /** A column with a date or a time, or a constant. */
  #date(constant = false): RandomValue {
    if (constant && this.#random.chance(0.3)) {
      const day = `20${this.#random.integer(10, 24)}-0${this.#random.integer(1, 9)}-${
        this.#random.integer(10, 28)
      }`;
      return { text: this.#random.chance(0.5) ? `'${day}'` : day, type: "date", of: () => day };
    }
    for (let tries = 0; tries < 500; tries++) {
      const value = this.column();
      if (value.type === "date" || value.type === "timestamp") return value;
    }
    return { text: "2020-02-29", type: "date", of: () => "2020-02-29" };
  }
}

function partOf(part: "year" | "quarter" | "month" | "day", date: Cell): Cell {
  if (date === null) return null;
  const [year, month = 0, day] = String(date).slice(0, 10).split("-").map(Number);
  const parts = { year, month, day, quarter: Math.ceil(month / 3) };
  return parts[part] ?? null;
}

/** Days from one date to another. */
export function days(from: Cell, to: Cell): number | null {
  if (from === null || to === null) return null;
  return Math.round((midnight(to) - midnight(from)) / 86_400_000);
}

function midnight(date: Cell): number {
  return Date.parse(`${String(date).slice(0, 10)}T00:00:00Z`);
}
