/** An execution as tools show it, running or ended. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import { DEFAULT_CONTEXT } from "../agent_protocol/messages/mod.ts";
import { readableBytes, showable } from "../lib/text.ts";
import { type Execution, type ExecutionRecord, type OutputPage, sentAtOnce } from "../sandbox/mod.ts";
import { cellResult, type OutputContent, outputContent } from "./cell_result.ts";
import { withLinks } from "./resource_links.ts";
import { errorResult, textResult } from "./results.ts";

/** How much of an execution is shown. */
export interface ExecutionView {
  /** Characters of output. */
  readonly characters: number;
  /** Shows what follows this position, as much as fits. If absent, shows everything, cut in the middle if it is long. */
  readonly since?: number | undefined;
  /** Sentences about the call itself. */
  readonly notes?: readonly string[];
}

/**
 * Writes an execution for a model.
 *
 * @param execution The execution, running or ended.
 * @param view How much is shown.
 * @returns The tool's own result where it has ended, with `isError` if it failed.
 */
export function executionResult(execution: Execution, view: ExecutionView): CallToolResult {
  const ended = execution.isEnded ? endedResult(execution, view) : runningResult(execution, view);
  return withNotes(ended, view.notes ?? []);
}

/**
 * Writes an execution of which only the record is kept.
 *
 * @param record The record.
 */
export function recordResult(record: ExecutionRecord): CallToolResult {
  return textResult(
    `${recordLine(record)}\n[its output (${
      readableBytes(record.outputBytes)
    }) is no longer kept: the server keeps only that of a sandbox's latest executions]`,
  );
}

/**
 * Writes an execution in a line.
 *
 * @param record The execution.
 */
export function recordLine(record: ExecutionRecord): string {
  const { id, tool, state, context, source, createdAt, elapsedMs, outputBytes, dropped } = record;
  return [
    id,
    tool,
    state,
    ...(context === undefined || context === DEFAULT_CONTEXT ? [] : [`context ${context}`]),
    `created ${new Date(createdAt).toISOString()}`,
    `ran ${seconds(elapsedMs)}`,
    `output ${readableBytes(outputBytes)}${dropped ? " (no longer kept)" : ""}`,
    showable(source),
  ].join("  ");
}

/** A part of the output, and how the result shows it. */
interface ShownPage extends OutputPage {
  readonly content: OutputContent;
}

function endedResult(execution: Execution, view: ExecutionView): CallToolResult {
  const { result, error, source, sandboxId } = execution;
  if (execution.isDropped && error === undefined) return recordResult(execution.record());
  if (result?.kind === "cell" && view.since === undefined) {
    return withLinks(
      cellResult(result.outcome, view.characters, { source, id: execution.id }),
      result.outcome,
      sandboxId,
    );
  }
  const page = shownPage(execution, view);
  const { content } = page;
  if (page.more) return moreResult(execution, page);
  if (error !== undefined) {
    const known = errorResult(error);
    const output = content.lines.length > 0 ? [text(content.lines)] : [];
    return { ...known, content: [...output, ...known.content, ...content.images] };
  }
  if (result?.kind !== "cell") {
    // Its pictures are output; words about them are in the text.
    const shown = textResult(result?.text ?? "");
    return { ...shown, content: [...shown.content, ...content.images] };
  }
  const shown = cellResult(result.outcome, view.characters, { content, source });
  return withNotes(withLinks(shown, result.outcome, sandboxId), clearedNote(page));
}

/** A page that is not the last one: the status follows with the last. */
function moreResult(execution: Execution, page: ShownPage): CallToolResult {
  const { lines, images } = page.content;
  const status = [
    `[${execution.state}; there is more output]`,
    `execution_id: ${execution.id}`,
    `Next: ${call("get_execution", { execution_id: execution.id, since: page.next })} returns what follows.`,
  ];
  return {
    content: [text([...clearedNote(page), ...lines, ...gaps(execution, page), ...status]), ...images],
  };
}

/** Where to find the output that the sandbox did not send, and which therefore has no position. */
function gaps({ result }: Execution, { outputs }: OutputPage): string[] {
  if (result?.kind !== "cell") return [];
  return (["stdout", "stderr"] as const).flatMap((name) => {
    const skipped = outputs.reduce(
      (sum, output) => output.type === "stream" && output.name === name ? sum + (output.skipped ?? 0) : sum,
      0,
    );
    const saved = result.outcome.saved[name];
    if (skipped === 0) return [];
    if (saved === null) return [`[what is left out of ${name} is not kept]`];
    const extent = saved.complete ? `all of ${name}` : `the first ${readableBytes(saved.bytes)} of ${name}`;
    return [`[what is left out here has no position; read_file with path ${saved.path} returns ${extent}]`];
  });
}

function runningResult(execution: Execution, view: ExecutionView): CallToolResult {
  const { id, state, timeoutMs, progress, log } = execution;
  const page = shownPage(execution, view);
  if (page.more) return moreResult(execution, page);
  const { lines, images } = page.content;
  const time = state === "queued"
    ? `queued: ${progress === "" ? "waiting for the kernel to start" : progress}`
    : `running for ${seconds(execution.elapsedMs)} of at most ${seconds(timeoutMs)}`;
  const status = [
    ...(progress === "" || log.next > 0 || state === "queued" ? [] : [`[progress] ${showable(progress)}`]),
    ...notSentYet(execution, view.characters),
    `[${time}; nothing was interrupted]`,
    `execution_id: ${id}`,
    `Next: ${call("get_execution", { execution_id: id, since: page.next })} waits and returns what is new; ${
      call("interrupt_execution", { execution_id: id })
    } ends it.`,
  ];
  return { content: [text([...clearedNote(page), ...lines, ...status]), ...images] };
}

/** Reads a page that the result can show whole. Tries smaller ones: escaped control characters, for example, need more room than the log counts. */
function shownPage({ log }: Execution, { characters, since }: ExecutionView): ShownPage {
  for (let room = since === undefined ? Infinity : characters;; room = Math.floor(room / 2)) {
    const page = log.read(since ?? 0, room);
    const content = outputContent(page.outputs, characters);
    if (since === undefined || room <= 1 || content.cut.size === 0) return { ...page, content };
  }
}

/** Says that a stream has printed more than arrives while the cell runs; without this, the cell would look as if it had stopped. */
function notSentYet({ id, log }: Execution, characters: number): string[] {
  const limit = sentAtOnce(characters);
  return (["stdout", "stderr"] as const).filter((name) => log.printedBytes(name) >= limit).map((name) =>
    `[of ${name}, only the first ${
      readableBytes(limit)
    } arrive while the cell runs, and its end with the result; read_file with path /outputs/${id}/${name} ` +
    "returns what it has printed so far]"
  );
}

function clearedNote({ cleared }: OutputPage): string[] {
  return cleared ? ["[the cell has cleared its earlier output]"] : [];
}

function call(tool: string, input: Readonly<Record<string, unknown>>): string {
  return `${tool}(${JSON.stringify(input)})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 100_000 && ms % 1000 !== 0 ? 1 : 0)} s`;
}

function text(lines: readonly string[]): { readonly type: "text"; readonly text: string } {
  return { type: "text", text: lines.join("\n") };
}

function withNotes(result: CallToolResult, notes: readonly string[]): CallToolResult {
  const [first, ...rest] = result.content;
  if (notes.length === 0 || first?.type !== "text") return result;
  return { ...result, content: [text([...notes, first.text]), ...rest] };
}
