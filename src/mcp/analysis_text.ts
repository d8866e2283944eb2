/** An analysis as a model reads it. */
import type { LeftResult } from "../cdm/analyses/mod.ts";
import { counted } from "../lib/counted.ts";
import { showable } from "../lib/text.ts";
import type { AnalysisResult, Chart } from "../omop/analyses/mod.ts";

/** Rows that are shown. */
const MOST_ROWS = 100;

/** What was left in a sandbox, and under which name. */
export interface Left extends LeftResult {
  readonly into: string;
}

/**
 * Describes a result.
 *
 * @param result The result.
 * @param left What was left in a sandbox; undefined without one.
 */
export function describeAnalysis(result: AnalysisResult, left: Left | undefined): string {
  const { understood, notes, shown: { columns, rows }, table, chart } = result;
  const rest = rows.length - MOST_ROWS;
  const cut = left !== undefined && left.rows < table.rows.length;
  return [
    ...(left === undefined ? [] : [
      `The numbers are in the sandbox as the DataFrame \`${left.into}\`: ${counted(left.rows, "row")} with ${
        table.columns.join(", ")
      }.`,
      ...(cut
        ? [`[truncated: these are the first of ${counted(table.rows.length, "row")}; use fewer strata]`]
        : []),
    ]),
    `Understood: ${understood}`,
    ...notes,
    "",
    rows.length === 0 ? "No row." : columns.join(" | "),
    ...rows.slice(0, MOST_ROWS).map((row) => row.map((value) => value ?? "").join(" | ")),
    ...(rest > 0
      ? [
        `… ${counted(rest, "more row")}${
          left === undefined
            ? ": pass sandbox_id for all of them as a DataFrame"
            : cut
            ? ""
            : ` in \`${left.into}\``
        }`,
      ]
      : []),
    ...(left === undefined ? [] : ["", ...chartLines(chart, left)]),
  ].map(showable).join("\n");
}

function chartLines(chart: Chart | undefined, { chart: state, problem }: Left): readonly string[] {
  if (chart === undefined || state === "none") return ["[no chart: there is nothing to draw]"];
  if (state === "failed") return [`[no chart: ${problem ?? "drawing failed"}]`];
  const { kind, title, x, y, series, left } = chart;
  const axes = [x, y].filter((axis) => axis !== "").join(" against ");
  return [
    `[image 1] ${kind}: ${title}; ${axes}; ${counted(series.length, "series", "series")}: ${
      series.map(({ name }) => name).join("; ")
    }${left === 0 ? "" : `; ${left} more are not drawn`}`,
  ];
}
