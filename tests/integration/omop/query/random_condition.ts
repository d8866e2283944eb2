/** Random conditions, as a query writes them and as plain TypeScript decides them: true, false, or null if SQL does not know. */
import type { Random } from "../../../../src/omop/sample/random.ts";
import type { OmopFilter } from "../../../../src/omop/query/mod.ts";
import { oneOf, type RandomValue } from "./random_value.ts";
import { type Cell, compare, type Row, type Rows } from "./rows.ts";

type Known = boolean | null;
type Written = Exclude<OmopFilter["value"], undefined>;

/** A condition on things of a kind: rows, or groups. */
export interface RandomCondition<T> {
  readonly json: Readonly<Record<string, unknown>>;
  readonly holds: (of: T) => Known;
}

/** What a condition compares. */
export interface Operand<T> {
  readonly text: string;
  readonly type: RandomValue["type"];
  readonly column?: string | undefined;
  readonly of: (of: T) => Cell;
  /** Whether it is computed in floating point here, so that it cannot be compared with a value that it may equal. */
  readonly inexact?: boolean;
}

/** How conditions are made. */
export interface ConditionMaker<T> {
  readonly random: Random;
  readonly rows: Rows;
  /** A random operand. */
  readonly operand: () => Operand<T>;
  /** Things from which values to compare with are taken. */
  readonly samples: readonly T[];
}

/** A condition or a group of them. */
export function randomCondition<T>(maker: ConditionMaker<T>, depth = 0): RandomCondition<T> {
  const { random } = maker;
  if (depth === 3 || random.chance(depth === 0 ? 0.7 : 0.6)) return comparison(maker);
  const kind = oneOf(random, ["or", "and", "not"] as const);
  const list = Array.from({ length: random.integer(1, 3) }, () => randomCondition(maker, depth + 1));
  return {
    json: { [kind]: list.map(({ json }) => json) },
    holds(of) {
      const known = list.map(({ holds }) => holds(of));
      if (kind === "or") return known.includes(true) ? true : known.includes(null) ? null : false;
      const all = known.includes(false) ? false : known.includes(null) ? null : true;
      return kind === "not" ? all !== true : all;
    },
  };
}

function comparison<T>(maker: ConditionMaker<T>): RandomCondition<T> {
  const { random } = maker;
  const { text: column, type, column: name, of, inexact } = maker.operand();
  const sample = () => {
    const value = sampleOf(maker, { type, of });
    return inexact === true ? Math.round(Number(value) * 8) / 8 + 1 / 64 : value;
  };
  const one = (op: string, value: Written | undefined, known: (value: Exclude<Cell, null>) => Known) => ({
    json: { column, op, ...(value === undefined ? {} : { value }) },
    holds(thing: T): Known {
      const found = of(thing);
      return found === null ? null : known(found);
    },
  });
  if (type === "bigint" && /concept_id(_\d)?$/.test(name ?? "") && random.chance(0.5)) {
    const set = conceptSet(maker);
    return one("in_concept_set", { items: set.items }, (value) => set.members.has(Number(value)));
  }
  switch (random.integer(0, 6)) {
    case 0: {
      const op = oneOf(random, ["is null", "is not null", "is_null", "IS NOT NULL"]);
      const wanted = !/not/i.test(op);
      return { json: { column, op }, holds: (thing) => (of(thing) === null) === wanted };
    }
    case 1: {
      const op = oneOf(random, ["in", "not in", "not_in"]);
      const list = Array.from({ length: random.integer(1, 6) }, sample);
      return one(op, list.map((value) => written(random, value)), (found) => {
        const among = list.some((value) => compareWith(found, value) === 0);
        return op === "in" ? among : !among;
      });
    }
    case 2: {
      const [low, high] = [sample(), sample()].toSorted((a, b) => compare(a, b));
      if (low === undefined || high === undefined || type === "text") break;
      return one(
        "between",
        [written(random, low), written(random, high)],
        (found) => compareWith(found, low) >= 0 && compareWith(found, high) <= 0,
      );
    }
    case 3: {
      if (type !== "text") break;
      const op = oneOf(random, ["like", "ilike"]);
      const from = String(sample());
      const at = random.integer(0, Math.max(0, from.length - 3));
      const pattern = `${random.chance(0.6) ? "%" : ""}${from.slice(at, at + 2)}${
        oneOf(random, ["_%", "%", "", "_"])
      }`;
      return one(
        op,
        op === "ilike" ? pattern.toUpperCase() : pattern,
        (found) => like(String(found), pattern, op),
      );
    }
  }
  const [op, holds] = oneOf<[string, (order: number) => boolean]>(random, [
    ["=", (order) => order === 0],
    ["==", (order) => order === 0],
    ["!=", (order) => order !== 0],
    ["<>", (order) => order !== 0],
    ["<", (order) => order < 0],
    ["<=", (order) => order <= 0],
    [">", (order) => order > 0],
    ["≥", (order) => order >= 0],
  ]);
  const value = sample();
  return one(op, written(random, value), (found) => holds(compareWith(found, value)));
}

/** A day, compared with a time, is all of that day. */
function compareWith(found: Exclude<Cell, null>, value: Cell): number {
  const whole = typeof found === "string" && typeof value === "string" &&
    /^\d{4}-\d\d-\d\d \d\d:/.test(found) &&
    /^\d{4}-\d\d-\d\d$/.test(value);
  return compare(whole ? found.slice(0, 10) : found, value);
}

/** A value of the data, so that comparisons are neither always true nor always false. */
function sampleOf<T>(
  { random, samples }: ConditionMaker<T>,
  { type, of }: Pick<Operand<T>, "type" | "of">,
): Exclude<Cell, null> {
  for (let tries = 0; tries < 20 && samples.length > 0; tries++) {
    const value = of(oneOf(random, samples));
    if (value === null) continue;
    if (type === "timestamp" && random.chance(0.5)) return String(value).slice(0, 10);
    return value;
  }
  const fallback = {
    integer: 7,
    bigint: 8507,
    numeric: 1.5,
    date: "2020-02-29",
    timestamp: "2020-02-29",
    text: "x",
  };
  return fallback[type];
}

/** How a caller may write it: numbers as text too. */
function written(random: Random, value: Exclude<Cell, null>): string | number {
  if (typeof value === "number" && random.chance(0.3)) return String(value);
  return typeof value === "string" && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(value) && random.chance(0.5)
    ? value.replace(" ", "T")
    : value;
}

function like(text: string, pattern: string, op: string): boolean {
  const source = [...pattern].map((one) =>
    one === "%" ? ".*" : one === "_" ? "." : one.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&")
  ).join("");
  return new RegExp(`^${source}$`, op === "ilike" ? "is" : "s").test(text);
}

/** A concept set, and its members by definition. */
function conceptSet<T>({ random, rows }: ConditionMaker<T>) {
  const known = rows.all("concept").map((row) => Number(row["concept_id"]));
  const ancestors = [
    ...new Set(rows.all("concept_ancestor").map((row) => Number(row["ancestor_concept_id"]))),
  ];
  const used = rows.all("condition_occurrence").map((row) => Number(row["condition_concept_id"]));
  const items = Array.from({ length: random.integer(1, 5) }, (_, at) => ({
    concept_id: random.pick([[() => oneOf(random, known), 1], [() => oneOf(random, ancestors), 2], [
      () => oneOf(random, used),
      2,
    ]])(),
    ...(random.chance(0.6) ? { include_descendants: random.chance(0.85) } : {}),
    ...(random.chance(0.2) ? { include_mapped: true } : {}),
    // A set of exclusions alone is refused.
    ...(at > 0 && random.chance(0.3) ? { exclude: true } : {}),
  }));
  const members = new Set<number>();
  const [wanted, unwanted] = [false, true].map((exclude) =>
    items.filter((one) => (one.exclude ?? false) === exclude)
  );
  for (const item of wanted ?? []) for (const id of broughtBy(rows, item)) members.add(id);
  for (const item of unwanted ?? []) for (const id of broughtBy(rows, item)) members.delete(id);
  return { items, members };
}

function broughtBy(
  rows: Rows,
  item: { concept_id: number; include_descendants?: boolean; include_mapped?: boolean },
): Set<number> {
  const found = new Set<number>();
  if (rows.byKey("concept", item.concept_id) !== undefined) found.add(item.concept_id);
  if (item.include_descendants === true) {
    for (const row of rows.all("concept_ancestor")) {
      const concept = rows.byKey("concept", row["descendant_concept_id"] ?? null);
      if (
        row["ancestor_concept_id"] === item.concept_id && concept !== undefined &&
        concept["invalid_reason"] === null
      ) {
        found.add(Number(concept["concept_id"]));
      }
    }
  }
  if (item.include_mapped !== true) return found;
  const mapped = rows.all("concept_relationship").filter((row: Row) =>
    row["relationship_id"] === "Maps to" && row["invalid_reason"] === null &&
    found.has(Number(row["concept_id_2"]))
  );
  return new Set([...found, ...mapped.map((row) => Number(row["concept_id_1"]))]);
}
