/** The goals of speed: which figure of which table each is about, and its bound. */
import type { SavedRow, SavedTables } from "./saved.ts";
import { percentile } from "./stats.ts";

/** One goal. */
export interface Goal {
  readonly what: string;
  /** The title of its table. */
  readonly table: string;
  /** The name of its row. */
  readonly row: string;
  /** The quantile: 0.5 is the median. */
  readonly part: number;
  /** The row whose median the figure is divided by. @default the figure itself is compared */
  readonly over?: string;
  /** The bound, in the row's unit, or a ratio. */
  readonly bound: number;
  /** Whether the figure must be at least the bound. @default at most */
  readonly least?: true;
}

/** A goal and what was measured. */
export interface Measured {
  readonly goal: Goal;
  readonly unit: SavedRow["unit"];
  /** The figure in the row's unit. */
  readonly value: number;
  /** The figure over that of the goal's other row, if it has one. */
  readonly ratio?: number;
  readonly met: boolean;
}

const CREATE = "Create a sandbox, through MCP over stdio";
const FLOOR = "floor: create, attach, start, first byte of Python";
const LIVE = "Beside live sandboxes, through MCP over stdio";
const CELL = {
  table: "Trivial cell, through MCP over stdio",
  row: "cell `1` in a warm sandbox",
};

/** In the order in which they are shown. */
export const GOALS: readonly Goal[] = [
  {
    what: "warm create, pandas loaded",
    table: CREATE,
    row: "warm: one that was started ahead",
    part: 0.5,
    bound: 3,
  },
  {
    what: "warm create, pandas loaded",
    table: CREATE,
    row: "warm: one that was started ahead",
    part: 0.95,
    bound: 15,
  },
  {
    what: "cold create, relative to the floor",
    table: CREATE,
    row: "cold",
    part: 0.5,
    over: FLOOR,
    bound: 1.3,
  },
  {
    what: "cold create and first trivial cell",
    table: CREATE,
    row: "cold, and a first cell `1`",
    part: 0.5,
    bound: 350,
  },
  {
    what: "ten sandboxes with a cell at once, relative to ten bare containers at once",
    table: CREATE,
    row: "10 at once, each with a cell",
    part: 0.5,
    over: "floor: 10 of these at once",
    bound: 1.7,
  },
  { what: "trivial cell", ...CELL, part: 0.5, bound: 1.5 },
  { what: "trivial cell", ...CELL, part: 0.99, bound: 5 },
  {
    what: "100 MB printed",
    table: "100 MB printed, through MCP over stdio",
    row: "printed by a cell",
    part: 0.5,
    bound: 100,
    least: true,
  },
  {
    what: "of 100 MB printed, kept in a file",
    table: "100 MB printed, through MCP over stdio",
    row: "kept of it in a file of the sandbox",
    part: 0.5,
    bound: 100,
    least: true,
  },
  {
    what: "1,000,000 rows by ADBC, relative to the server's own COPY",
    table: "1,000,000 rows × 6 columns",
    row: "ADBC → Arrow in a sandbox",
    part: 0.5,
    over: "floor: the same COPY, server ← local database, no broker",
    bound: 1.2,
  },
  {
    what: "live sandboxes that fit",
    table: LIVE,
    row: "live sandboxes that fit",
    part: 0.5,
    bound: 200,
    least: true,
  },
  {
    what: "cold create with as many live sandboxes as fit, relative to 1 live sandbox",
    table: LIVE,
    row: "cold create, most live",
    part: 0.5,
    over: "cold create, 1 live",
    bound: 1.2,
  },
  {
    what: "trivial cell with as many live sandboxes as fit, relative to 1 live sandbox",
    table: LIVE,
    row: "cell, most live",
    part: 0.5,
    over: "cell, 1 live",
    bound: 1.2,
  },
  {
    what: "processor time of an idle server with as many live sandboxes as fit",
    table: LIVE,
    row: "idle server with the most: processor time",
    part: 0.5,
    bound: 10,
  },
  {
    what: "memory of a sandbox",
    table: LIVE,
    row: "memory of a sandbox, as its limit counts it",
    part: 0.5,
    bound: 80,
  },
  {
    what: "start of a server until `initialize` is answered",
    table: "Start of a server",
    row: "start → initialize",
    part: 0.5,
    bound: 150,
  },
];

/**
 * Compares figures with the goals.
 *
 * @param tables Some tables.
 * @returns Every goal whose figures are among them.
 */
export function measuredGoals(tables: SavedTables): readonly Measured[] {
  return GOALS.flatMap((goal): Measured[] => {
    const rows = tables[goal.table]?.rows ?? [];
    const found = rows.find(({ name }) => name === goal.row);
    if (found === undefined) return [];
    const value = percentile(found.figures, goal.part);
    const { unit } = found;
    if (goal.over === undefined) {
      return [{ goal, unit, value, met: goal.least === true ? value >= goal.bound : value <= goal.bound }];
    }
    const base = rows.find(({ name }) => name === goal.over);
    if (base === undefined) return [];
    const ratio = value / percentile(base.figures, 0.5);
    return [{ goal, unit, value, ratio, met: ratio <= goal.bound }];
  });
}

/**
 * Writes what was measured of a goal, and its bound.
 *
 * @param measured The goal.
 */
export function goalTexts(
  { goal, unit, value, ratio }: Measured,
): { readonly figure: string; readonly bound: string } {
  const quantile = `p${goal.part * 100} `;
  const figure = `${quantile}${figureText(value)} ${unit}`;
  return ratio === undefined
    ? { figure, bound: `${goal.least === true ? "≥" : "≤"} ${goal.bound} ${unit}` }
    : { figure: `${figure}, × ${ratio.toFixed(2)}`, bound: `≤ × ${goal.bound}` };
}

/**
 * Writes a figure with three digits or more.
 *
 * @param value The figure.
 */
export function figureText(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
}
