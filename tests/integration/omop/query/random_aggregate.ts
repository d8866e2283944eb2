/** Random aggregates, and what plain TypeScript computes for them. */
import type { Random } from "../../../../src/omop/sample/random.ts";
import type { OmopAggregate } from "../../../../src/omop/query/mod.ts";
import { oneOf, type RandomValue, type RandomValues } from "./random_value.ts";
import { type Cell, compare, type Row, type Type } from "./rows.ts";

/** An aggregate, and its value for a group of rows. */
export interface RandomAggregate {
  readonly json: OmopAggregate;
  readonly name: string;
  readonly type: Type;
  readonly of: (group: readonly Row[]) => Cell;
}

type Present = Exclude<Cell, null>;

/** An aggregate of a table. */
export function randomAggregate(random: Random, values: RandomValues, name: string): RandomAggregate {
  const choice = random.integer(0, 11);
  if (choice === 0) {
    return { json: { fn: "count", as: name }, name, type: "bigint", of: (group) => group.length };
  }
  if (choice === 1) {
    const of = (group: readonly Row[]) => new Set(group.map((row) => row["person_id"])).size;
    return { json: { fn: "count_persons", as: name }, name, type: "bigint", of };
  }
  if (choice < 5 && values.table === "observation_period") {
    return { json: { fn: "person_years", as: name }, name, type: "numeric", of: personYears };
  }
  const fn = oneOf(random, ["count", "min", "max", "sum", "avg", "median", "percentile", "stddev"] as const);
  const anyType = fn === "count" || fn === "min" || fn === "max";
  const value: RandomValue = anyType ? values.any() : values.table === "measurement" && random.chance(0.5)
    ? {
      text: "value_as_number",
      type: "numeric",
      own: "value_as_number",
      of: (row) => row["value_as_number"] ?? null,
    }
    : values.of("integer", "numeric");
  const distinct = fn !== "median" && fn !== "percentile" && random.chance(0.3);
  const p = oneOf(random, [0, 0.05, 0.25, 0.5, 0.9, 0.999, 1]);
  return {
    json: {
      fn,
      column: value.text,
      as: name,
      ...(distinct ? { distinct } : {}),
      ...(fn === "percentile" ? { p } : {}),
    },
    name,
    type: fn === "count"
      ? "bigint"
      : fn === "min" || fn === "max"
      ? value.type
      : fn === "sum" && value.type === "integer"
      ? "bigint"
      : "numeric",
    of(group) {
      const present = group.map(value.of).filter((one) => one !== null);
      return statistic(fn, distinct ? [...new Set(present)] : present, fn === "median" ? 0.5 : p);
    },
  };
}

function personYears(group: readonly Row[]): Cell {
  const spans = group.map((row) =>
    (Date.parse(String(row["observation_period_end_date"])) -
        Date.parse(String(row["observation_period_start_date"]))) /
      86_400_000 + 1
  );
  return spans.length === 0 ? null : sum(spans) / 365.25;
}

function statistic(fn: OmopAggregate["fn"], present: readonly Present[], p: number): Cell {
  if (fn === "count") return present.length;
  const sorted = present.toSorted(compare);
  if (fn === "min") return sorted[0] ?? null;
  if (fn === "max") return sorted.at(-1) ?? null;
  const numbers = sorted.map(Number);
  const count = numbers.length;
  if (count === 0) return null;
  const mean = sum(numbers) / count;
  switch (fn) {
    case "sum":
      return sum(numbers);
    case "avg":
      return mean;
    case "stddev":
      return count < 2 ? null : Math.sqrt(sum(numbers.map((one) => (one - mean) ** 2)) / (count - 1));
    default: {
      // The quantile of R's type 7.
      const at = p * (count - 1);
      const [low = 0, high = 0] = [numbers[Math.floor(at)], numbers[Math.ceil(at)]];
      return low + (high - low) * (at - Math.floor(at));
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
