/** A query's DataFrame, as the text of a result describes it. */
import type { QueryAnswer } from "../cdm/query_runner/run_query.ts";
import { counted } from "../lib/counted.ts";
import { readableBytes, showable } from "../lib/text.ts";

/** Longest value in the result's text. The query's Python already cuts values at 80 characters; only a forged one is longer. */
const VALUE_CHARACTERS = 120;

/** What is said of a DataFrame besides its content. */
export interface FrameFacts {
  /** Its variable. */
  readonly into: string;
  /** Rows that are kept. */
  readonly limit: number;
  /** Lines before the columns. */
  readonly before: readonly string[];
  /** Lines between the columns and the rows. */
  readonly after: readonly string[];
}

/**
 * Describes a DataFrame: its size, whether rows were cut, its columns and its first rows.
 *
 * @param facts See {@link FrameFacts}.
 * @param answer The DataFrame's facts, from the sandbox.
 */
export function frameText({ into, limit, before, after }: FrameFacts, answer: QueryAnswer): string {
  const columns = counted(answer.columns.length, "column");
  const lines = [
    `The result is in the sandbox as the DataFrame \`${into}\`: ${
      counted(answer.rows, "row")
    } × ${columns} (${readableBytes(answer.memoryBytes)} in memory).`,
    ...(answer.truncated
      ? [`[truncated: there are more than ${counted(limit, "row")}; raise limit, filter or aggregate]`]
      : []),
    ...before,
    `Columns: ${answer.columns.map(({ name, dtype }) => `${showable(name)} ${showable(dtype)}`).join(", ")}`,
    ...after,
    "",
    answer.columns.map(({ name }) => showable(name)).join(" | "),
    ...answer.preview.map((row) =>
      row.map((value, at) => showable(cellText(value, answer.columns[at]))).join(" | ")
    ),
  ];
  const rest = answer.rows - answer.preview.length;
  if (rest > 0) lines.push(`… ${counted(rest, "more row")} in \`${into}\``);
  return lines.join("\n");
}

/** A statistic over no values is not a missing value of a row. */
function cellText(
  value: string | boolean | null,
  column: QueryAnswer["columns"][number] | undefined,
): string {
  return value === null && column?.statistic === true ? "no values" : shortValue(value);
}

/**
 * Whether there are no rows, or one that counts none.
 *
 * @param answer The DataFrame's facts.
 */
export function isEmpty({ rows, preview: [first = []] }: QueryAnswer): boolean {
  return rows === 0 || rows === 1 && first.every((value) => value === null || value === "0" || value === "");
}

/**
 * A value in few characters.
 *
 * @param value The value; null is empty.
 */
export function shortValue(value: string | boolean | null): string {
  const text = value === null ? "" : String(value);
  return text.length <= VALUE_CHARACTERS ? text : `${text.slice(0, VALUE_CHARACTERS - 1)}…`;
}
