/**
 * Percentiles, found by questions for the number of values below an edge. Each question depends on released numbers only, and each answer is
 * one: so a percentile shows nothing that its caller could not ask for.
 */
import { OmcpError } from "../../errors.ts";
import { type DisclosedQuery, gridOf } from "../../omop/disclosed/mod.ts";
import type { CdmVersion } from "../../omop/cdm/mod.ts";
import type { DisclosedTable } from "./disclosure.ts";
import { summedFacts } from "./facts.ts";
import { type DisclosureRules, leastShown } from "./rules.ts";

/** The finest bin, in standard deviations: three digits are shown, and each halving is a question. */
const FINEST = 1 / 50;
/** Questions for one percentile: the range has fewer than 2 ** MOST_QUESTIONS bins. */
const MOST_QUESTIONS = 12;
/** Standard deviations on either side of the mean between which the search begins. */
const REACH = 4;

type Aggregate = NonNullable<DisclosedQuery["aggregates"]>[number];

/** Asks the ledger. */
type Ask = (query: DisclosedQuery) => Promise<DisclosedTable>;

/**
 * Answers a query that may have percentiles among its aggregates.
 *
 * @param query The query.
 * @param how The CDM's version, the rules in force, and who answers queries without percentiles.
 * @returns The table, with the percentiles last. A percentile is absent if too few values are below or above it, or if it is farther from the mean
 * than the search goes. Its marks and facts are also those of the questions for the percentiles.
 * @throws {OmcpError} `invalid_argument` for percentiles of groups; as {@link Ask}.
 */
export async function answerWithPercentiles(
  query: DisclosedQuery,
  how: { readonly version: CdmVersion; readonly rules: DisclosureRules; readonly ask: Ask },
): Promise<DisclosedTable> {
  const wanted = (query.aggregates ?? []).filter(isPercentile);
  if (wanted.length === 0) return await how.ask(query);
  if (query.group_by !== undefined) {
    throw new OmcpError("invalid_argument", "Cannot compute a percentile for each group", {
      next: "Ask for one group at a time: replace group_by with a filter.",
    });
  }
  const known = new Map<string, DisclosedTable>();
  // Percentiles of one column begin with the same questions, which the database need not answer again.
  const ask: Ask = async (question) => {
    const key = JSON.stringify(question);
    const table = known.get(key) ?? await how.ask(question);
    known.set(key, table);
    return table;
  };
  const others = (query.aggregates ?? []).filter((aggregate) => !isPercentile(aggregate));
  const table = await ask({ ...query, aggregates: others.length === 0 ? undefined : others });
  const [cell] = table.cells;
  let [values, outputs] = [cell?.values ?? [], table.query.outputs];
  for (const aggregate of wanted) {
    const found = cell === undefined ? undefined : await percentile(aggregate, query, { ...how, ask });
    outputs = [...outputs, {
      name: nameOf(aggregate, gridOf(query, aggregate.column, how.version).name),
      kind: "percentile",
      value: values.length,
    }];
    values = [...values, found];
  }
  const asked = [...known.values()];
  const derived = asked.some(({ cells }) => cells.some((one) => one.derived));
  return {
    ...table,
    query: { ...table.query, outputs },
    cells: cell === undefined ? [] : [{ ...cell, values, derived }],
    remaining: Math.min(...asked.map(({ remaining }) => remaining)),
    facts: { ...table.facts, ...summedFacts(asked.map(({ facts }) => facts)) },
  };
}

function isPercentile({ fn }: Aggregate): boolean {
  return fn === "median" || fn === "percentile";
}

function partOf({ fn, p }: Aggregate): number {
  if (fn === "median" && p === undefined) return 0.5;
  if (fn === "percentile" && p !== undefined) return p;
  throw new OmcpError(
    "invalid_argument",
    `Cannot compute a ${fn} ${p === undefined ? "without" : "with"} p`,
    {
      next: 'Write {"fn": "percentile", "column": "value_as_number", "p": 0.25}.',
    },
  );
}

/** As in queries that return rows. */
function nameOf(aggregate: Aggregate, column: string): string {
  const part = String(Math.round(partOf(aggregate) * 10_000) / 100).replace(".", "_");
  return `${aggregate.fn === "median" ? "median" : `p${part}`}_${column}`;
}

async function percentile(
  aggregate: Aggregate,
  query: DisclosedQuery,
  { version, rules, ask }: Parameters<typeof answerWithPercentiles>[1],
): Promise<number | undefined> {
  const part = partOf(aggregate);
  const { column } = aggregate;
  const about = (fn: Aggregate["fn"]): Aggregate => ({ fn, column });
  /** Persons and values of the query's rows that a condition holds for; undefined if they are not shown. */
  const counted = async (op?: "<" | ">=", value?: number) => {
    const filters = op === undefined ? query.filters : [...query.filters ?? [], { column, op, value }];
    const { cells: [cell] } = await ask({ ...query, filters, aggregates: [about("count")] });
    return cell && { persons: cell.persons, values: cell.values[0] ?? 0 };
  };
  const grid = gridOf(query, column, version);
  const all = await counted();
  if (all === undefined || all.persons * Math.min(part, 1 - part) < leastShown(rules)) return undefined;
  const scale = scaleOf(await ask({ ...query, aggregates: [about("avg"), about("stddev")] }));
  if (scale === undefined) return undefined;
  const { mean, spread } = scale;
  const width = Math.max(
    grid.least,
    grid.isFixed ? 0 : rounded125(spread * Math.max(FINEST, leastShown(rules) / (0.4 * all.persons))),
  );
  const rank = part * all.values;
  /** Values below an edge of the grid; undefined if the answers do not say. */
  const below = async (edge: number): Promise<number | undefined> => {
    const value = Number((edge * width).toPrecision(12));
    const shown = await counted("<", value);
    if (shown !== undefined) return shown.values;
    // Few are below, or the rules withhold how many are.
    const above = await counted(">=", value);
    return above && Math.max(0, all.values - above.values);
  };
  // What lies beyond these two is not known: a percentile in the outermost bins may lie farther out.
  const [first, last] = [
    Math.floor((mean - REACH * spread) / width) - 1,
    Math.ceil((mean + REACH * spread) / width) + 1,
  ];
  let low = { edge: first, values: 0 };
  let high = { edge: last, values: all.values };
  for (let at = 0; high.edge - low.edge > 1; at += 1) {
    if (at >= MOST_QUESTIONS) return undefined;
    const edge = Math.floor((low.edge + high.edge) / 2);
    const values = await below(edge);
    if (values === undefined) return undefined;
    if (values < rank) low = { edge, values };
    else high = { edge, values };
  }
  if (low.edge === first || high.edge === last) return undefined;
  const within = high.values > low.values ? (rank - low.values) / (high.values - low.values) : 0.5;
  return (low.edge + Math.min(1, Math.max(0, within))) * width;
}

/**
 * Mean and standard deviation, or the mean's size if the latter is withheld. Undefined if the mean is withheld. They are not rounded, because three
 * digits of a mean far from 0 would miss the values. They decide only where the search begins, and whether a bin's width is 1, 2 or 5 times a power
 * of ten.
 */
function scaleOf(
  { cells: [cell], query: { outputs } }: DisclosedTable,
): { readonly mean: number; readonly spread: number } | undefined {
  const deviation = outputs.find((output) => output.kind === "deviation");
  if (cell === undefined || deviation === undefined) return undefined;
  const [count, sum, squares] = [deviation.count, deviation.sum, deviation.squares].map((at) =>
    cell.values[at]
  );
  if (count === undefined || count < 1 || sum === undefined) return undefined;
  const mean = sum / count;
  const variance = squares === undefined ? 0 : (squares - sum ** 2 / count) / (count - 1);
  return { mean, spread: variance > 0 ? Math.sqrt(variance) : Math.max(Math.abs(mean), 1e-6) };
}

/** The next number of 1, 2, 5, 10 …. */
function rounded125(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  return power * ([1, 2, 5].find((digit) => digit * power >= width) ?? 10);
}
