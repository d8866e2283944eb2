/** An execution as a cell of a notebook that runs again from the top to the end. */
import { counted } from "../../lib/counted.ts";
import { readableBytes, showable } from "../../lib/text.ts";
import type { ExecutionOutcome, ExecutionState, PastExecution } from "../../sandbox/mod.ts";
import { sentBytes } from "../sent_bytes.ts";
import { type CellMetadata, linesOf, type NotebookCell } from "./format.ts";
import { notebookOutput, remarkOutput } from "./outputs.ts";

/** Where Python or IPython begins a line, as `str.splitlines` does: what follows is code again, even after a comment. */
// deno-lint-ignore no-control-regex
const LINE_END = /\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/;

/** Why code is not to run again, by the state in which it ended. */
const NOT_AGAIN: Readonly<Partial<Record<ExecutionState, string>>> = {
  queued: "it had not begun when this notebook was written",
  timeout: "it exceeded its timeout",
  interrupted: "it was interrupted",
  kernel_died: "its Python process ended",
  unknown: "it is unknown whether it ran",
  lost: "its sandbox ended",
};

/** A cell, and what an export reports of it. */
export interface WrittenCell {
  readonly cell: NotebookCell;
  /** Whether something of the execution is missing; the cell says what. */
  readonly incomplete: boolean;
}

/**
 * Writes an execution as a cell: code that Jupyter can run, or a text about a call that has no Python.
 *
 * @param past The execution.
 */
export function notebookCell(past: PastExecution): WrittenCell {
  const { record: { id, tool, state, createdAt, source: firstLine }, source, execution } = past;
  const metadata = { omcp: { tool, state, created_at: new Date(createdAt).toISOString() } };
  if (source === undefined) return { cell: textCell(past, metadata), incomplete: false };
  const outcome = execution?.result?.kind === "cell" ? execution.result.outcome : undefined;
  const count = outcome !== undefined && outcome.executionCount > 0 ? outcome.executionCount : null;
  const missing = missingOutput(past, outcome);
  const remarks = [...missing, ...circumstances(past, outcome)];
  const outputs = (execution?.log.outputs ?? []).map((output) => notebookOutput(output, count));
  const cell: NotebookCell = {
    cell_type: "code",
    id,
    // nbclient and Jupyter go on after an exception of a cell with this tag.
    metadata: state === "error" ? { tags: ["raises-exception"], ...metadata } : metadata,
    execution_count: count,
    source: linesOf(
      source === "gone"
        ? commented(`The source is no longer kept. Its first line: ${showable(firstLine)}`)
        : runnable(source.code, notAgain(past), source.note),
    ),
    outputs: remarks.length === 0 ? outputs : [...outputs, remarkOutput(remarks)],
  };
  return { cell, incomplete: source === "gone" || missing.length > 0 };
}

/** Indented by four spaces, Markdown shows a text as it is. */
function textCell({ record }: PastExecution, metadata: CellMetadata): NotebookCell {
  const text = showable(record.source).split("\n").map((line) => `    ${line}`);
  return {
    cell_type: "markdown",
    id: record.id,
    metadata,
    source: linesOf(`A call of the tool \`${record.tool}\` (${record.state}):\n\n${text.join("\n")}`),
  };
}

/** Why the code must not run again; undefined if it can. */
function notAgain({ record: { state }, execution }: PastExecution): string | undefined {
  const error = execution?.error;
  if (error !== undefined && state === "error") return showable(error.message);
  return NOT_AGAIN[state];
}

function runnable(code: string, reason: string | undefined, about: string | undefined): string {
  const note = about === undefined ? [] : [showable(about)];
  if (reason === undefined) return [...note.map(commented), code].join("\n");
  return commented([`Commented out, so that the notebook runs again: ${reason}.`, ...note, code].join("\n"));
}

/** Makes every line a comment: a reason may be a database's message, which quotes what a query has computed. */
function commented(text: string): string {
  return text.split(LINE_END).map((line) => `# ${line}`).join("\n");
}

/** What was dropped of the output, and how much. */
function missingOutput(
  { record, execution }: PastExecution,
  outcome: ExecutionOutcome | undefined,
): string[] {
  if (record.dropped || execution === undefined) {
    return record.outputBytes === 0 ? [] : [
      `${
        readableBytes(record.outputBytes)
      } of output are no longer kept: only that of the latest executions is`,
    ];
  }
  if (outcome === undefined) return [];
  const streams = (["stdout", "stderr"] as const).flatMap((name) => {
    const { bytes } = outcome.output[name];
    const here = sentBytes(outcome, name);
    return here >= bytes
      ? []
      : [`${name} had ${readableBytes(bytes)} in all, of which ${readableBytes(here)} are here`];
  });
  const { count, kept } = outcome.output.displays;
  const displays = kept < count ? [`${kept} of ${counted(count, "display")} are here`] : [];
  return [...streams, ...displays];
}

/** What the reader must know of the run that the outputs do not show. */
function circumstances(
  { record: { state }, execution }: PastExecution,
  outcome: ExecutionOutcome | undefined,
): string[] {
  const error = execution?.error;
  return [
    ...(state === "running" ? ["it was running when this notebook was written"] : []),
    ...(error === undefined ? [] : [showable(`${error.code}: ${error.message}`)]),
    ...(outcome?.lost == null
      ? []
      : ["the Python process had ended before this cell: it began without the variables of earlier cells"]),
    ...(outcome?.kernel === "restarted" || outcome?.kernel === "restarting"
      ? ["the Python process was replaced after this cell: variables were lost"]
      : []),
  ];
}
