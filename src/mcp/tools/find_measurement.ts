import * as z from "zod";
import { type FoundNumbers, type UnitNumbers, unitsIn } from "../../cdm/concepts/mod.ts";
import { counted } from "../../lib/counted.ts";
import { showable } from "../../lib/text.ts";
import type { Concept, Hit } from "../../omop/concepts/mod.ts";
import { cdmOf } from "../cdm_of.ts";
import { textResult } from "../results.ts";
import { defineTool, type Tool, type ToolContext, type ToolData } from "../tool.ts";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
/** Characters of a number: percentiles have many decimals. */
const NUMBER_CHARACTERS = 12;

/** Finds the concepts under which the CDM has numbers. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "open",
  define: () => ({
    name: "find_measurement",
    title: "Find a measurement",
    description:
      "Finds the concepts under which this CDM actually holds measurements or observations with numbers: for each concept and unit the records, persons, numbers and their range. " +
      "Call it before any statistic of a laboratory value or vital sign: similar names are often empty, and units mixed. Needs no sandbox.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      text: z.string().min(1).max(200).describe('Words of its name, such as "hemoglobin a1c", or its code.'),
      limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe("The most concepts and units."),
    }),
    renamed: { query: "text" },
  }),
  async handle({ text, limit }, context) {
    return textResult(describe({ text, limit, ...await find(text, context) }).join("\n"));
  },
  async data({ text, limit }, context) {
    const { hits, more, numbers, known } = await find(text, context);
    return {
      rows: numbers.units.slice(0, limit).map(({ range, ...each }) => ({
        ...each,
        concept_name: known.get(each.concept_id)?.concept_name ?? null,
        ...(range === undefined ? {} : namedRange(range)),
      })),
      total: numbers.units.length,
      more: more || numbers.more,
      matching: hits.length,
      notes: [...emptyNotes(numbers), ...mixedUnits(numbers.units, known)],
    };
  },
});

async function find(text: string, context: ToolContext): Promise<Omit<Shown, "text" | "limit">> {
  const { concepts } = await cdmOf(context);
  const { hits, more, numbers, targets } = await concepts.measurements(text, context.signal);
  const known = new Map(
    [...hits.map(({ concept }) => concept), ...targets].map((each) => [each.concept_id, each]),
  );
  return { hits, more, numbers, known };
}

const RANGE = ["min", "p5", "median", "p95", "max"] as const;

function namedRange(range: readonly string[]): ToolData {
  return Object.fromEntries(RANGE.map((name, at) => [name, Number(range[at])]));
}

interface Shown {
  readonly text: string;
  readonly limit: number;
  readonly hits: readonly Hit[];
  /** Whether more concepts match than were looked at. */
  readonly more: boolean;
  readonly numbers: FoundNumbers;
  readonly known: ReadonlyMap<number, Concept>;
}

function describe({ text, limit, hits, more, numbers, known }: Shown): readonly string[] {
  const quoted = JSON.stringify(text);
  const looked = `${more ? "the best " : ""}${counted(hits.length, "concept")}`;
  const partly = hits.length > 0 && hits.every(({ match }) => match === "some words");
  const matching = partly ? `with some of the words of ${quoted}` : `matching ${quoted}`;
  const { units } = numbers;
  if (units.length === 0) {
    return [
      hits.length === 0
        ? `No concept matches ${quoted}.`
        : `None of ${looked} ${matching} has a measurement or observation in this CDM.`,
      "",
      "Next: try other words; search_concepts shows what there is under them.",
    ];
  }
  const holding = new Set(units.filter((each) => each.numbers > 0).map(({ concept_id }) => concept_id)).size;
  const all = new Set(units.map(({ concept_id }) => concept_id)).size;
  const shown = units.slice(0, limit);
  return [
    `Of ${looked} ${matching}, ${all.toLocaleString("en")} ${all === 1 ? "has" : "have"} records, ${
      holding === 0 ? "none has" : `${holding.toLocaleString("en")} ${holding === 1 ? "has" : "have"}`
    } numbers.`,
    ...(partly ? ["No concept has all the words: these are probably other measurements."] : []),
    ...emptyNotes(numbers),
    ...mixedUnits(units, known),
    "concept_id | name | table | unit (unit_concept_id) | records | persons | numbers | coded values | min | 5 % | median | 95 % | max",
    ...shown.map((each) => line(each, known)),
    ...(units.length > shown.length || numbers.more
      ? [
        `… ${numbers.more ? "more than " : ""}${
          counted(units.length - shown.length, "more row")
        }: raise limit`,
      ]
      : []),
    "",
    holding === 0
      ? "Next: a mean, a median or a chart cannot be computed from these records; say so, and do not take missing for zero."
      : "Next: query the concept with numbers, one unit at a time. Descendants are not included: a related concept is another measurement.",
  ];
}

function line(each: UnitNumbers, known: ReadonlyMap<number, Concept>): string {
  const { unit_concept_id, unit } = each;
  return showable([
    each.concept_id,
    known.get(each.concept_id)?.concept_name ?? "",
    each.table,
    unit_concept_id === null
      ? (unit === null || unit === "" ? "no unit" : `"${unit}" (no concept)`)
      : `${unit ?? "unknown"} (${unit_concept_id})`,
    ...[each.records, each.persons, each.numbers, each.coded].map((count) => count.toLocaleString("en")),
    ...(each.range?.map(shortNumber) ?? ["no values"]),
  ].join(" | "));
}

function shortNumber(text: string): string {
  return text.length <= NUMBER_CHARACTERS ? text : String(Number(Number(text).toPrecision(6)));
}

function emptyNotes({ empty }: FoundNumbers): readonly string[] {
  return [...empty].map(([table, isEmpty]) =>
    isEmpty === undefined
      ? `[Looking for any number in ${table} timed out.]`
      : isEmpty
      ? `The whole ${table} table has no number (value_as_number is null everywhere).`
      : `Other records of ${table} have numbers.`
  );
}

/** Concepts whose numbers are in several units: a statistic over all of them means nothing. */
function mixedUnits(units: readonly UnitNumbers[], known: ReadonlyMap<number, Concept>): readonly string[] {
  const byConcept = Map.groupBy(units.filter(({ numbers }) => numbers > 0), ({ concept_id }) => concept_id);
  return [...byConcept].filter(([, each]) => unitsIn(each) > 1).map(([id, each]) =>
    showable(
      `Warning: ${id} ${known.get(id)?.concept_name ?? ""} has numbers in ${
        counted(unitsIn(each), "unit")
      }: filter by unit, or convert.`,
    )
  );
}
