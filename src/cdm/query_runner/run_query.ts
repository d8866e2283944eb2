/** Runs a compiled query inside a sandbox, over that sandbox's own Postgres connection. */
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";
import { readableBytes } from "../../lib/text.ts";
import {
  afterInterrupt,
  answerOf,
  cancelledError,
  type ExecutionRun,
  type Sandbox,
} from "../../sandbox/mod.ts";
import type { CompiledOmopQuery, ResultColumn } from "../../omop/query/mod.ts";
import { queryError } from "./query_error.ts";

const MIME = "application/vnd.omcp.query+json";
/** Maximum length of the answer in characters, because parsing it blocks the server. The answer has at most 20 rows of short texts. */
const OUTPUT_BYTES = 256 * 1024;
const PREVIEW_BYTES = 128 * 1024;

/** What remains in the sandbox after a query timed out, by the kernel's state. */
const VARIABLES = {
  kept: "Variables are kept; no DataFrame was created.",
  restarted: "The kernel was restarted: variables are lost, files in /workspace remain.",
  restarting: "The kernel is about to be restarted: variables are lost, files in /workspace remain.",
  unknown:
    "The sandbox has not responded: it is unknown whether variables are kept and the DataFrame exists.",
} as const;

/** As in src/guest/omcp/_frames.py. */
const MAX_COLUMNS = 500;

const cell = z.union([z.string().max(1000), z.boolean(), z.null()]);

const answerSchema = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    rows: z.number().int().nonnegative(),
    truncated: z.boolean(),
    names: z.array(z.string().max(200)).max(MAX_COLUMNS),
    dtypes: z.array(z.string().max(100)).max(MAX_COLUMNS),
    memory_bytes: z.number().nonnegative(),
    preview: z.array(z.array(cell).max(MAX_COLUMNS)).max(20),
  }),
  z.object({
    ok: z.literal("too_large"),
    rows: z.number().int().nonnegative(),
    memory_bytes: z.number().nonnegative(),
  }),
  z.object({ ok: z.literal(false), sqlstate: z.string().max(5).nullable(), message: z.string().max(4000) }),
]);

/** What runs: a typed query, or SQL whose columns are known only when it has run. */
export interface RunnableQuery extends Pick<CompiledOmopQuery, "sql" | "parameters" | "limit"> {
  /** Undefined: as the database describes them. */
  readonly columns: readonly ResultColumn[] | undefined;
}

/** The result of a query, besides the DataFrame in the sandbox. */
export interface QueryAnswer {
  /** The DataFrame's columns, with pandas' type. */
  readonly columns: readonly (Omit<ResultColumn, "type"> & { readonly dtype: string })[];
  readonly rows: number;
  /** True if there were more rows than the limit. */
  readonly truncated: boolean;
  /** The DataFrame's size in the sandbox, in bytes. */
  readonly memoryBytes: number;
  /** The first rows, at most 20; numbers and dates as text. */
  readonly preview: readonly (readonly (string | boolean | null)[])[];
}

/** How to run a query. */
export interface RunQueryOptions {
  /** The variable that receives the DataFrame; without it, rows are only shown. */
  readonly into: string | undefined;
  /** The SQL with its parameters as literals, for the DataFrame's `attrs`. */
  readonly shownSql: string;
  readonly timeoutMs: number;
  /** The name of the context whose variable it is. @default "default" */
  readonly context?: string;
  /** Most bytes of the rows that are shown. @default 128 KiB */
  readonly previewBytes?: number;
  /** The query's execution. */
  readonly run?: Pick<ExecutionRun, "signal" | "queued" | "started">;
}

/**
 * Runs a query in a sandbox. User code in the sandbox can forge the answer: the server checks its shape only, and trusts it no more
 * than other output of the sandbox.
 *
 * @param sandbox Where it runs and where the DataFrame stays.
 * @param query The query.
 * @param options Name of the DataFrame, deadline.
 * @throws {OmcpError} `result_too_large`, `database_refused`, `database_unavailable`, `timeout`, or what {@link Sandbox.execute} throws.
 */
export async function runQuery(
  sandbox: Sandbox,
  query: RunnableQuery,
  options: RunQueryOptions,
): Promise<QueryAnswer> {
  const request = asciiJson({
    ...query,
    into: options.into,
    shown_sql: options.shownSql,
    memory_bytes: sandbox.memoryBytes,
    preview_bytes: options.previewBytes ?? PREVIEW_BYTES,
  });
  const outcome = await sandbox.execute(cellOf(request), {
    timeoutMs: options.timeoutMs,
    outputBytes: OUTPUT_BYTES,
    silent: true,
    ...(options.context === undefined ? {} : { context: options.context }),
    ...(options.run === undefined ? {} : {
      signal: options.run.signal,
      onWaiting: () => options.run?.queued(),
      onStarted: () => options.run?.started(),
    }),
  });
  if (outcome.status === "timeout") {
    throw new OmcpError("timeout", `The query timed out after ${options.timeoutMs / 1000} s`, {
      state: VARIABLES[outcome.kernel],
      next: "Narrow it with filters, aggregate, or set a lower limit.",
    });
  }
  if (outcome.status === "interrupted") throw cancelledError(afterInterrupt(outcome));
  const answer = answerOf(outcome.outputs, { mime: MIME, characters: OUTPUT_BYTES, schema: answerSchema });
  if (answer === undefined) {
    const error = outcome.outputs.find((output) => output.type === "error");
    throw new OmcpError(
      "outcome_unknown",
      `The query returned no result: ${
        error === undefined ? outcome.status : `${error.ename}: ${error.evalue.slice(0, 500)}`
      }`,
      {
        state: "The DataFrame may or may not exist.",
        next: "Check with execute_python_code that psycopg and pandas work in this sandbox.",
      },
    );
  }
  if (answer.ok === "too_large") {
    throw new OmcpError(
      "result_too_large",
      `The result does not fit into the sandbox's memory: its first ${counted(answer.rows, "row")} take ${
        readableBytes(answer.memory_bytes)
      }`,
      {
        next:
          "Name fewer columns, filter, aggregate, set a lower limit, delete variables, or create a sandbox with more memory_mb.",
      },
    );
  }
  if (!answer.ok) throw queryError(answer);
  const { dtypes, names } = answer;
  const columns: readonly Omit<ResultColumn, "type">[] = query.columns ?? names.map((name) => ({ name }));
  return {
    columns: columns.map((column, at) => ({ ...column, dtype: dtypes[at] ?? "unknown" })),
    rows: answer.rows,
    truncated: answer.truncated,
    memoryBytes: answer.memory_bytes,
    preview: answer.preview,
  };
}

/** Short: what runs is a module, which is compiled once. */
function cellOf(request: string): string {
  return `import json
from omcp import _query
display({${JSON.stringify(MIME)}: _query.run(json.loads(${JSON.stringify(request)}), user_ns)})`;
}

/**
 * JSON in ASCII only, whose quoted form is also a Python string literal. Python would read a character beyond the basic plane, bare
 * or escaped in the outer quotes, as two lone surrogates.
 */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
