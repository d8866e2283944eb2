/** Leaves an analysis in a sandbox: its numbers as a DataFrame, and a chart of them. */
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import type { AnalysisResult } from "../../omop/analyses/mod.ts";
import {
  afterInterrupt,
  answerOf,
  cancelledError,
  type ExecutionRun,
  type Sandbox,
} from "../../sandbox/mod.ts";
import source from "./in_sandbox.py" with { type: "text" };

const MIME = "application/vnd.omcp.analysis+json";
/** Milliseconds, with the import of matplotlib on a loaded machine. */
const TIMEOUT_MS = 60_000;
const ANSWER_CHARACTERS = 2_000;
/** The most rows of a DataFrame: curves may have a row for each day and group. */
const MOST_ROWS = 20_000;
/** Characters of the request: a cell's source has at most 1 MiB. */
const REQUEST_CHARACTERS = 900_000;

const compressed = promisify(deflate);

const answerSchema = z.object({
  /** Rows of the DataFrame: the first of the table's. */
  rows: z.int().nonnegative(),
  chart: z.enum(["none", "drawn", "failed"]),
  problem: z.string().max(400).optional(),
});

/** What was left in the sandbox. */
export type LeftResult = z.infer<typeof answerSchema>;

/** How long {@link leaveResult} may take, in ms. */
export const LEAVING_MS = TIMEOUT_MS;

/** Where a result is left. */
export interface Leaving {
  readonly analysis: string;
  /** The variable. */
  readonly into: string;
  /** The name of the context whose variable it is. @default "default" */
  readonly context?: string;
  readonly run: ExecutionRun;
}

/**
 * Leaves a result in a sandbox. The chart's picture goes to the execution's log.
 *
 * @param sandbox The sandbox.
 * @param result The result.
 * @param leaving Where.
 * @returns What user code in the sandbox may have forged: it is no more trusted than other output.
 * @throws {OmcpError} `outcome_unknown` if there is no answer, `cancelled`, and what {@link Sandbox.execute} throws.
 */
export async function leaveResult(
  sandbox: Sandbox,
  result: AnalysisResult,
  { analysis, into, context, run }: Leaving,
): Promise<LeftResult> {
  const request = await packed(result, { analysis, into });
  const outcome = await sandbox.execute(`REQUEST = "${request}"\n${source}`, {
    timeoutMs: TIMEOUT_MS,
    outputBytes: 64 * 1024,
    silent: true,
    ...(context === undefined ? {} : { context }),
    signal: run.signal,
    onWaiting: () => run.queued(),
    onStarted: () => run.started(),
  });
  if (outcome.status === "interrupted") throw cancelledError(afterInterrupt(outcome));
  for (const output of outcome.outputs) {
    if ("data" in output && output.data["image/png"] !== undefined) run.log.append(output);
  }
  const form = { mime: MIME, characters: ANSWER_CHARACTERS, schema: answerSchema };
  const answer = answerOf(outcome.outputs, form);
  if (answer !== undefined) return answer;
  const error = outcome.outputs.find((output) => output.type === "error");
  throw new OmcpError(
    "outcome_unknown",
    `The DataFrame was not made: ${
      error === undefined
        ? `the execution ended as ${outcome.status}`
        : `${error.ename}: ${error.evalue.slice(0, 300)}`
    }`,
    {
      state: "The analysis itself succeeded; its numbers were not kept.",
      next:
        "Repeat the call without sandbox_id for the numbers as text, or check that pandas works in this sandbox.",
    },
  );
}

/** The request in base64, with as many rows as fit. */
async function packed(
  { table: { columns, rows }, chart, understood }: AnalysisResult,
  names: { readonly analysis: string; readonly into: string },
): Promise<string> {
  for (let most = MOST_ROWS;; most = Math.floor(most / 2)) {
    const json = JSON.stringify({
      ...names,
      columns,
      rows: rows.slice(0, most),
      chart: chart ?? null,
      understood,
    });
    const text = (await compressed(json)).toString("base64");
    if (text.length <= REQUEST_CHARACTERS || most === 0) return text;
  }
}
