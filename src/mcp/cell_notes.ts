/** The lines that follow a cell's output: where to find the rest of it, what changed, what was lost, and the status. */
import type { Death } from "../agent_protocol/messages/mod.ts";
import { counted } from "../lib/counted.ts";
import { readableBytes, showable } from "../lib/text.ts";
import type { ExecutionOutcome } from "../sandbox/mod.ts";
import { shownPath } from "../lib/shown_path.ts";
import { sentBytes } from "./sent_bytes.ts";

/** How many changed files are listed, and the characters of their paths together. */
const LISTED_FILES = 10;
const LISTED_CHARACTERS = 1000;

/**
 * The notes on a cell, each a line in brackets.
 *
 * @param outcome The cell's outcome.
 * @param shown `cut`: which of `stdout`, `stderr` and other output the result does not show whole. `id`: the execution, if a further call
 * returns more of its values.
 */
export function cellNotes(
  outcome: ExecutionOutcome,
  { cut, id }: { readonly cut: ReadonlySet<string>; readonly id: string | undefined },
): string[] {
  return [
    ...(cut.has("values") && id !== undefined
      ? [`values, displays or tracebacks are shown in part; ${nextPage(id)} returns them one by one`]
      : []),
    ...(["stdout", "stderr"] as const).flatMap((name) => wholeStream(outcome, name, cut.has(name))),
    ...changedFiles(outcome),
    ...losses(outcome),
    ...leftRunning(outcome),
    ...(outcome.status === "timeout" ? ["reduce the work, or pass a longer timeout"] : []),
  ].map((note) => `[${note}]`);
}

function nextPage(execution_id: string): string {
  return `get_execution(${JSON.stringify({ execution_id, since: 0 })})`;
}

/** How much a stream had that the result does not show, and where it is. */
function wholeStream(outcome: ExecutionOutcome, name: "stdout" | "stderr", cut: boolean): string[] {
  const { [name]: { bytes } } = outcome.output;
  const sent = sentBytes(outcome, name);
  if (!cut && sent >= bytes) return [];
  const saved = outcome.saved[name];
  const size = `${name} had ${readableBytes(bytes)} in all`;
  if (saved === null) {
    // A short stream has no copy; what the text leaves out of it is stated there.
    return sent >= bytes
      ? []
      : [`${size}; write long output to a file in /workspace and look at parts of it`];
  }
  const extent = saved.complete ? "all of it" : `its first ${readableBytes(saved.bytes)}`;
  return [`${size}; read_file with path ${saved.path} returns ${extent}, in pieces`];
}

/** The files that are new or changed. Code in the sandbox chooses their names, so a name that is not a plain path is quoted. */
function changedFiles({ files: { changed, count, complete }, kernel }: ExecutionOutcome): string[] {
  if (kernel === "unknown") return [];
  const unseen = "some of /workspace was not looked at: too many files, or a folder that cannot be read";
  if (count === 0) return complete ? [] : [`changed files are unknown: ${unseen}`];
  const listed: string[] = [];
  let characters = 0;
  for (const path of changed.slice(0, LISTED_FILES)) {
    const shown = shownPath(path);
    characters += shown.length;
    if (characters > LISTED_CHARACTERS) break;
    listed.push(shown);
  }
  const more = count - listed.length;
  const rest = more === 0 ? "" : listed.length === 0 ? `${more}` : ` and ${more} more`;
  return [`files changed: ${listed.join(", ")}${rest}${complete ? "" : `; ${unseen}`}`];
}

function losses(outcome: ExecutionOutcome): string[] {
  const found: string[] = [];
  const { lost, died, oomKills } = outcome;
  if (lost !== null) {
    found.push(
      `the Python process had ended since the last cell (${
        death(lost, "")
      }): variables of earlier cells were lost before this one began, files in /workspace remain`,
    );
  }
  if (oomKills > 0 && died?.oom !== true && lost?.oom !== true) {
    found.push(
      `out_of_memory: the sandbox's memory limit ended ${
        counted(oomKills, "process", "processes")
      }; work on less data at a time, with fewer processes, or in a sandbox with more memory (memory_mb of create_sandbox)`,
    );
  }
  const { count, kept } = outcome.output.displays;
  if (kept < count) found.push(`${kept} of ${count} displays shown`);
  if ((outcome.waitedMs ?? 0) >= 1000) {
    found.push(`waited ${seconds(outcome.waitedMs ?? 0)} for another cell of this context`);
  }
  return found;
}

function leftRunning(outcome: ExecutionOutcome): string[] {
  const left = [
    ...(outcome.backgroundProcesses > 0
      ? [counted(outcome.backgroundProcesses, "process", "processes")]
      : []),
    ...(outcome.backgroundThreads > 0 ? [counted(outcome.backgroundThreads, "thread")] : []),
  ];
  const one = outcome.backgroundProcesses + outcome.backgroundThreads === 1;
  if (left.length === 0) return [];
  return [
    `${left.join(" and ")}, first seen after this cell, ${
      one ? "runs" : "run"
    } in the background until the kernel is restarted or ends`,
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 3 : 1)} s`;
}

/**
 * The last line: status, execution count, time, processor time and peak memory of the sandbox meanwhile, and the kernel's state.
 *
 * @param outcome The cell's outcome.
 */
export function statusLine(outcome: ExecutionOutcome, source = ""): string {
  const kernel = {
    kept: "variables kept",
    restarted: "kernel restarted: variables are lost, files in /workspace remain",
    restarting:
      "restart_kernel is about to replace the kernel: variables are lost, files in /workspace remain",
    unknown:
      "the sandbox has not responded yet: it is unknown whether the cell has ended and whether variables are kept; the next cell waits for it",
  }[outcome.kernel];
  const status = outcome.status === "kernel_died"
    ? `kernel_died (the Python process ended: ${death(outcome.died, source)})`
    : outcome.status;
  // A new kernel has no execution count yet.
  const count = outcome.executionCount > 0 ? [`In[${outcome.executionCount}]`] : [];
  const { elapsedMs, kernelStartMs = 0 } = outcome;
  const start = kernelStartMs < 1000 ? "" : ` after ${seconds(kernelStartMs)} for the kernel's start`;
  return `[${[status, ...count, `${seconds(elapsedMs)}${start}${usage(outcome)}`, kernel].join(", ")}]`;
}

function usage({ cpuMs, peakMemoryBytes }: ExecutionOutcome): string {
  const known = [
    ...(cpuMs === null ? [] : [`CPU ${seconds(cpuMs)}`]),
    ...(peakMemoryBytes === null ? [] : [`peak memory ${Math.round(peakMemoryBytes / 1024 / 1024)} MiB`]),
  ];
  return known.length === 0 ? "" : ` (${known.join(", ")})`;
}

/** A word in cells that read from the database: with a driver, pandas, polars or SQLAlchemy. */
const QUERIES =
  /\b(?:psycopg2?|sqlalchemy|read_sql(?:_query|_table)?|read_database(?:_uri)?|cursor|conn(?:ection)?\.execute)\b/i;

/**
 * Why the process ended.
 *
 * @param died Its end.
 * @param source The cell that ran then; empty if none did.
 */
function death(died: Death | null, source: string): string {
  if (died?.oom === true) {
    return "out_of_memory, the sandbox's memory limit was reached; work on less data at a time" +
      `${
        QUERIES.test(source) ? ", read a large query result in parts, with conn.cursor(name='rows')," : ","
      } or ` +
      "create a sandbox with more memory_mb";
  }
  if (died?.signal) return `killed by ${showable(died.signal)}`;
  if (typeof died?.exitCode === "number") return `exit code ${died.exitCode}`;
  return "cause unknown";
}
