/** The generated parts of docs/benchmarks.md: the goals of speed, and the figures of the last run of each bench. */
import { figureText, GOALS, goalTexts, measuredGoals } from "../tests/bench/goals.ts";
import type { SavedRow, SavedTables } from "../tests/bench/saved.ts";
import { percentile } from "../tests/bench/stats.ts";

/** Tables whose rows are too many for a page: they are only in the file. */
const ROWS_MAX = 16;

/**
 * Writes the table of goals.
 *
 * @param tables All figures.
 */
export function goalsTable(tables: SavedTables): string {
  const measured = new Map(measuredGoals(tables).map((each) => [each.goal, each]));
  const rows = GOALS.map((goal) => {
    const found = measured.get(goal);
    if (found === undefined) return `| ${goal.what} | not measured | | |`;
    const { figure, bound } = goalTexts(found);
    return `| ${goal.what} | ${figure} | ${bound} | ${found.met ? "yes" : "no"} |`;
  });
  return ["| through MCP over stdio | measured | goal | met |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

/**
 * Writes all tables that fit on a page, with the day and the machine of each.
 *
 * @param tables All figures.
 */
export function figureTables(tables: SavedTables): string {
  const parts = Object.entries(tables).filter(([, { rows }]) => rows.length <= ROWS_MAX).map((
    [title, { at, machine, rows }],
  ) =>
    [
      `### ${title}`,
      "",
      `${at.slice(0, 10)}; ${machine}.`,
      "",
      "| | p50 | p10 | p95 | n | ratios |",
      "| --- | --- | --- | --- | --- | --- |",
      ...rows.map((row) => rowLine(row, rows)),
    ].join("\n")
  );
  return parts.length === 0 ? "Nothing has been measured yet." : parts.join("\n\n");
}

function rowLine({ name, unit, count, figures, over = [] }: SavedRow, rows: readonly SavedRow[]): string {
  const [p50 = 0, p10 = 0, p95 = 0] = [0.5, 0.1, 0.95].map((part) => percentile(figures, part));
  const ratios = over.flatMap((other) => {
    const base = rows.find((row) => row.name === other);
    if (base === undefined) return [];
    const ratio = p50 / percentile(base.figures, 0.5);
    return [`× ${(unit === "MB/s" ? 1 / ratio : ratio).toFixed(2)}`];
  });
  const spread = count === 1 ? " | " : `${figureText(p10)} | ${figureText(p95)}`;
  return `| ${name.trim()} | ${figureText(p50)} ${unit} | ${spread} | ${count} | ${ratios.join(", ")} |`;
}
