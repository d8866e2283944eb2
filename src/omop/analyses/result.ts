/** What an analysis returns. */

/** A value of a table; null: there is none. */
export type Value = string | number | null;

/** A table of numbers. */
export interface AnalysisTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** One line, or one set of points or bars, of a chart. */
export interface Series {
  readonly name: string;
  /** Numbers, or labels in the order in which they are drawn. */
  readonly x: readonly (number | string)[];
  readonly y: readonly (number | null)[];
  /** Limits of 95 %. */
  readonly lower?: readonly (number | null)[];
  readonly upper?: readonly (number | null)[];
}

/** A chart, drawn from these numbers alone. */
export interface Chart {
  /** `steps`: a curve that falls on its days; `points`: with limits; `bars`: horizontal, one for each label. */
  readonly kind: "steps" | "points" | "bars";
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** Series that were left out. */
  readonly left: number;
}

/** The tables of an analysis, its chart, and notes on them. */
export interface ResultTables {
  /** Lines about what is missing, and tests. */
  readonly notes: readonly string[];
  /** For reading: values are texts. */
  readonly shown: AnalysisTable;
  /** All numbers, for a DataFrame. */
  readonly table: AnalysisTable;
  /** Undefined if there is nothing to draw. */
  readonly chart: Chart | undefined;
}

/** An analysis' result. */
export interface AnalysisResult extends ResultTables {
  /** Every assumption, in a line. */
  readonly understood: string;
}

/** The most series of a chart: a reader cannot distinguish more. */
const MOST_SERIES = 12;
/** Points of one series. */
const MOST_POINTS = 2_000;

/**
 * A chart of as many series as a reader can distinguish.
 *
 * @param chart The chart, with all its series.
 * @returns Undefined without a series.
 */
export function boundedChart(chart: Omit<Chart, "left">): Chart | undefined {
  const { series } = chart;
  if (series.length === 0) return undefined;
  return {
    ...chart,
    series: series.slice(0, MOST_SERIES).map(thinned),
    left: Math.max(0, series.length - MOST_SERIES),
  };
}

/** Keeps points at equal distances, and the last one: a picture has fewer pixels than a curve may have steps. */
function thinned(series: Series): Series {
  const every = Math.ceil(series.x.length / MOST_POINTS);
  if (every <= 1) return series;
  const keep = <T>(values: readonly T[]) =>
    values.filter((_, at) => at % every === 0 || at === values.length - 1);
  const { name, x, y, lower, upper } = series;
  return {
    name,
    x: keep(x),
    y: keep(y),
    ...(lower === undefined ? {} : { lower: keep(lower) }),
    ...(upper === undefined ? {} : { upper: keep(upper) }),
  };
}

/**
 * A number for reading.
 *
 * @param value The number.
 * @param digits Significant digits; whole numbers keep all of theirs.
 */
export function shownNumber(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return "no values";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 8 });
}

/**
 * A probability of a test for reading.
 *
 * @param p The probability.
 */
export function shownP(p: number): string {
  return p < 0.0001 ? "p < 0.0001" : `p = ${p.toFixed(4)}`;
}
