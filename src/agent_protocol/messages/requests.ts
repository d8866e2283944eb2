import * as z from "zod";
import { utf8Bytes } from "../../lib/bytes.ts";
import { wireObject } from "./camel_case.ts";

/** The longest source of a cell, in bytes of UTF-8. The tool's schema, the server and the agent enforce it. */
export const MAX_CODE_BYTES = 1024 * 1024;

/**
 * Measures a cell's source.
 *
 * @param code Python source.
 * @returns Bytes of UTF-8, for comparison with {@link MAX_CODE_BYTES}.
 */
export function codeBytes(code: string): number {
  return utf8Bytes(code);
}

const count = z.int().nonnegative();
const noParams = z.strictObject({});

/** The context that exists from the start; another one begins with its first request. */
export const DEFAULT_CONTEXT = "default";

/** The most contexts of a sandbox. */
export const MAX_CONTEXTS = 8;

/** The name of a context: a Python interpreter of a sandbox with variables of its own. */
export const contextSchema = z.string().regex(
  /^[a-z][a-z0-9_-]{0,31}$/,
  "must begin with a small letter and have at most 32 small letters, digits, _ and -",
);

/** Absent: the context {@link DEFAULT_CONTEXT}. */
const context = contextSchema.exactOptional();
const contextParams = z.strictObject({ context });

/** The server's id of an execution. */
const executionParam = z.string().regex(/^[\w-]{1,64}$/);

const nothing = z.object({});

/** The most environment variables of an execution, and the most characters of their names and values together. */
export const MAX_ENV = { variables: 100, characters: 65_536 } as const;

/** What an operating system takes: well-formed, without null characters. */
const cText = z.string().refine(
  (text) => text.isWellFormed() && !text.includes("\0"),
  "must be well-formed text without null characters",
);

function isBounded(env: Readonly<Record<string, string>>): boolean {
  const variables = Object.entries(env);
  const characters = variables.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return variables.length <= MAX_ENV.variables && characters <= MAX_ENV.characters &&
    variables.every(([name]) => name.isWellFormed());
}

/** Environment variables of an execution. */
export const environmentSchema = z.record(
  z.string().regex(/^[^=\0]+$/, "must be a name without = and null characters"),
  cText,
).refine(
  isBounded,
  `must have at most ${MAX_ENV.variables} variables, with at most ${MAX_ENV.characters} characters together`,
);

/** The working folder of an execution; a relative one is under /workspace. */
export const workingFolderSchema = cText.min(1).max(4096);

/** Parameters of `execute`, as they are sent. */
const executeParamsSchema = z.strictObject({
  /** Python source. */
  code: z.string().refine((code) => codeBytes(code) <= MAX_CODE_BYTES),
  timeout_ms: z.int().min(1).max(86_400_000),
  /** Bytes of stdout and of stderr each. */
  max_output_bytes: z.int().min(0).max(64 * 1024 * 1024),
  /** Characters of each other text: a value, a display, a traceback. */
  max_text_characters: z.int().min(0).max(64 * 1024 * 1024),
  /** Runs apart from the user's history, in a namespace of its own that has `user_ns`. */
  silent: z.boolean(),
  /** The server's id; it names the saved output. */
  execution: executionParam,
  /** Environment variables of this execution. */
  env: environmentSchema,
  /** Its working folder; a relative one is under /workspace. null: the kernel's current folder. */
  cwd: workingFolderSchema.nullable(),
  context,
});

/** Parameters of `execute`, as they are sent. */
export type ExecuteParams = z.input<typeof executeParamsSchema>;

/** How a kernel ended: by a signal or with an exit code, and whether the memory limit ended it. */
const deathSchema = wireObject({
  signal: z.string().max(40).nullable(),
  exit_code: z.int().nullable(),
  oom: z.boolean(),
});

/** How a kernel ended. */
export type Death = z.output<typeof deathSchema>;

/** How many `bytes` there were, and how many of them were sent (`kept`). */
const totals = z.object({ bytes: count, kept: count });

/** A copy of a stream, from its first byte on, in the sandbox's memory. */
const savedStreamSchema = z.object({
  /** Where the file service reads it. */
  path: z.string().max(200).regex(/^\/outputs\/[\w-]+\/std(?:out|err)$/),
  bytes: count,
  /** Whether it has all of the stream. */
  complete: z.boolean(),
});

/** The result of `execute`. */
export const executeResultSchema = wireObject({
  status: z.enum(["ok", "error", "timeout", "interrupted", "kernel_died"]),
  kernel: z.enum(["kept", "restarted"]),
  execution_count: count,
  elapsed_ms: count,
  output: z.object({
    stdout: totals,
    stderr: totals,
    displays: z.object({ count, kept: count, bytes: count }),
  }),
  died: deathSchema.nullable(),
  /** How a kernel ended between the previous execution and this one. */
  lost: deathSchema.nullable(),
  /** Processes that the memory limit has ended since the last reply. */
  oom_kills: count,
  /** Whether the kernel reported an end that did not happen: its values may be made up. */
  forged: z.boolean(),
  /** Left running by executions and not in an earlier reply. */
  background_processes: count,
  background_threads: count,
  /** What the whole sandbox used during the execution; null if it cannot be read. */
  cpu_ms: count.nullable(),
  peak_memory_bytes: count.nullable(),
  /** Files under /workspace that are new or changed since the execution began; paths are relative to it. */
  files: z.object({
    changed: z.array(z.string().max(500)).max(50),
    count,
    /** Whether the agent has looked at all files. */
    complete: z.boolean(),
  }),
  /** null for a stream without a copy: a short one. */
  saved: z.object({ stdout: savedStreamSchema.nullable(), stderr: savedStreamSchema.nullable() }),
});

/** How an execution ended, as the agent reports it. */
export type ExecuteResult = z.output<typeof executeResultSchema>;

/** The most executions that an agent lists. */
const MAX_JOURNAL = 200;

/** An execution that an agent still knows. */
const journalEntrySchema = wireObject({
  execution: executionParam,
  context: contextSchema,
  silent: z.boolean(),
  timeout_ms: count,
  /** Characters, as Python counts them. */
  source_length: z.int().min(0).max(MAX_CODE_BYTES),
  /** From its request to its end, or to now. */
  elapsed_ms: count,
  /** Since its end; null while it runs. */
  ended_ms: count.nullable(),
});

/** An execution that an agent still knows. */
export type JournalEntry = z.output<typeof journalEntrySchema>;

const statusResult = wireObject({
  execution_state: z.enum(["starting", "idle", "busy", "dead"]),
  background_processes: count,
});

/** Every request of an agent: its parameters as they are sent, its result as it is read. */
export const REQUESTS = {
  preload: { params: noParams, result: nothing },
  start_kernel: { params: contextParams, result: nothing },
  execute: { params: executeParamsSchema, result: executeResultSchema },
  interrupt: { params: contextParams, result: z.object({ interrupted: z.boolean() }) },
  restart: { params: contextParams, result: nothing },
  remove_context: { params: contextParams, result: nothing },
  list_contexts: {
    params: noParams,
    /** By name, in the order of their creation. */
    result: z.object({ contexts: z.record(contextSchema, statusResult) }),
  },
  journal: {
    params: noParams,
    result: z.object({
      /** Ordinary executions that have ended since the sandbox began. */
      cells: count,
      /** Oldest first. */
      executions: z.array(journalEntrySchema).max(MAX_JOURNAL),
    }),
  },
  source: {
    params: z.strictObject({ execution: executionParam, offset: z.int().min(0).max(MAX_CODE_BYTES) }),
    result: z.object({ text: z.string().max(MAX_CODE_BYTES) }),
  },
  resume: { params: z.strictObject({ execution: executionParam }), result: executeResultSchema },
  status: { params: noParams, result: statusResult },
  shutdown: { params: noParams, result: nothing },
} as const;
