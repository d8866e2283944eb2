/** The most frequent concepts around the index date, from counts. */
import { counted } from "../../lib/counted.ts";
import { COUNTED_TABLES, type CountedTable } from "./characterize_sql.ts";
import { markColumn, markOf } from "./disclosed_numbers.ts";
import { boundedChart, type ResultTables, shownNumber, type Value } from "./result.ts";

/** What was counted in a table. */
export interface FrequentRows {
  readonly table: CountedTable;
  /** See `frequentConcepts`; where rows must not leave the database, each with its mark: "~" or nothing. */
  readonly rows: readonly (readonly (string | null)[])[];
}

interface Frequent {
  readonly word: string;
  readonly window: string;
  /** Undefined: not mapped. */
  readonly concept: number | undefined;
  readonly persons: number;
  /** Concepts in this window. */
  readonly concepts: number;
  /** Whether the number was computed from earlier answers; undefined if rows may leave the database. */
  readonly derived?: boolean;
}

/**
 * The most frequent concepts as tables.
 *
 * @param frequent What was counted.
 * @param options Persons of the cohort; names of concepts; days of a window.
 */
export function characterizeTables(
  frequent: readonly FrequentRows[],
  { persons, concepts, days, absent = "" }: {
    readonly persons: number;
    readonly concepts: ReadonlyMap<number, string>;
    readonly days: number;
    /** What a note says after the word for concepts when none is listed, as in "No condition… in any window". @default nothing */
    readonly absent?: string;
  },
): ResultTables {
  const [before, at, after] = [`days -${days} to -1`, "day 0", `days 1 to ${days}`] as const;
  const windows = [before, at, after];
  const found = frequent.flatMap(({ table: { word }, rows }) =>
    rows.map(([window = null, concept = null, count = null, all = null, mark]): Frequent => ({
      word,
      window: windows[Number(window)] ?? "",
      concept: concept === null ? undefined : Number(concept),
      persons: Number(count),
      concepts: Number(all),
      ...(mark === undefined ? {} : { derived: mark === "~" }),
    }))
  );
  const listed = found.filter(({ concept }) => concept !== undefined);
  const nameOf = (one: Frequent) => concepts.get(one.concept ?? 0) ?? `concept ${one.concept}`;
  const share = (one: Frequent) => persons === 0 ? null : Math.min(1, one.persons / persons);
  const expected = frequent.flatMap(({ table: { word } }) => windows.map((window) => ({ word, window })));
  // Cohorts begin where people's records begin, or with an event: the drawn window is the first that has concepts.
  const drawn = [before, after, at].find((window) => listed.some((one) => one.window === window));
  return {
    shown: {
      columns: ["table", "window", "concept_id", "name", "persons", "share"],
      rows: listed.map((one) => [
        one.word,
        one.window,
        String(one.concept),
        nameOf(one),
        shownNumber(one.persons),
        `${(100 * (share(one) ?? 0)).toFixed(1)} %${one.derived === true ? " ~" : ""}`,
      ]),
    },
    table: {
      columns: ["table", "window", "concept_id", "concept_name", "persons", "share", ...markColumn(listed)],
      rows: listed.map((one): Value[] => [
        one.word,
        one.window,
        one.concept ?? null,
        nameOf(one),
        one.persons,
        share(one),
        ...markOf(one),
      ]),
    },
    chart: boundedChart({
      kind: "bars",
      title: `Most frequent concepts, ${drawn ?? "no window"}`,
      x: "persons",
      y: "",
      series: COUNTED_TABLES.flatMap(({ word }) => {
        const own = listed.filter((one) => one.word === word && one.window === drawn);
        return own.length === 0 ? [] : [{ name: word, x: own.map(nameOf), y: own.map((one) => one.persons) }];
      }),
    }),
    notes: [
      ...frequent.flatMap(({ table: { word } }) => {
        const empty = windows.filter((window) =>
          !listed.some((one) => one.word === word && one.window === window)
        );
        if (empty.length === 0) return [];
        return empty.length === windows.length
          ? [`No ${word}${absent} in any window.`]
          : [`No ${word}${absent} in this window: ${empty.join("; ")}.`];
      }),
      ...expected.flatMap(({ word, window }) => {
        const own = listed.filter((one) => one.word === word && one.window === window);
        const more = (own[0]?.concepts ?? 0) - own.length;
        return more <= 0
          ? []
          : [`${word}, ${window}: ${counted(more, "rarer concept")} not listed; raise top.`];
      }),
      ...found.filter(({ concept }) => concept === undefined).map((one) =>
        `${one.word}, ${one.window}: ${
          shownNumber(one.persons)
        } persons have records without a standard concept (concept 0).`
      ),
    ],
  };
}
