import * as z from "zod";
import { AGENT_ERROR_CODES } from "./errors.ts";
import { wireObject } from "./camel_case.ts";
import { contextSchema } from "./requests.ts";

const count = z.int().nonnegative();

/** MIME type → text; JSON values are not parsed. */
const mimeBundleSchema = z.record(z.string().max(256), z.string()).refine(
  (bundle) => Object.keys(bundle).length <= 32,
  "at most 32 representations",
);

/** One representation of a value for each MIME type. */
export type MimeBundle = z.output<typeof mimeBundleSchema>;

const stream = z.object({
  type: z.literal("stream"),
  name: z.enum(["stdout", "stderr"]),
  text: z.string(),
  /** Bytes omitted before this text. */
  skipped: count.optional(),
  /** Whether it was printed while no cell ran. */
  late: z.boolean().optional(),
});

const displayData = z.object({
  type: z.literal("display_data"),
  data: mimeBundleSchema,
  /** Whether it is a remark about the execution and not a display of the cell. */
  note: z.boolean().optional(),
  /** Its number, if `part` events precede it. */
  display: count.optional(),
});

const executeResult = z.object({
  type: z.literal("execute_result"),
  data: mimeBundleSchema,
  display: count.optional(),
});

const error = z.object({
  type: z.literal("error"),
  ename: z.string(),
  evalue: z.string(),
  traceback: z.string(),
  /** True if it did not end the execution. */
  note: z.boolean().optional(),
});

/** Clears the text printed so far, at once or when more is printed. */
const clearOutput = z.object({ type: z.literal("clear_output"), wait: z.boolean() });

/** A piece of a text of the display or result that follows. */
const part = wireObject({
  type: z.literal("part"),
  display: count,
  mime_type: z.string().max(256),
  text: z.string(),
});

/** The events of an `execute` request without the reply, by type. */
export const EXECUTION_EVENTS = {
  stream,
  display_data: displayData,
  execute_result: executeResult,
  error,
  clear_output: clearOutput,
  part,
} as const;

/** An event of an `execute` request. */
export const executionEventSchema = z.discriminatedUnion("type", [
  stream,
  displayData,
  executeResult,
  error,
  clearOutput,
  part,
]);

/** An event of an `execute` request. */
export type ExecutionEvent = z.output<typeof executionEventSchema>;

/** A piece of a display that is too long for one event. */
export type PartEvent = Extract<ExecutionEvent, { type: "part" }>;

/** An output of an execution. */
export type ExecutionOutput = Exclude<ExecutionEvent, { type: "part" | "clear_output" }>;

const agentError = z.object({ code: z.enum(AGENT_ERROR_CODES), message: z.string().max(4000) });

/** The state of a context's kernel has changed, or its confinement is known. */
export const executionStateSchema = z.object({
  type: z.literal("execution_state"),
  context: contextSchema,
  state: z.enum(["starting", "idle", "dead"]),
  confinement: wireObject({ no_new_privs: z.boolean(), seccomp: count, filters: count, landlock: count })
    .nullable(),
  error: agentError.nullable(),
});

/** The agent cannot offer one of the server's services in the container. */
export const serviceStateSchema = z.object({
  type: z.literal("service_state"),
  service: z.literal("postgres"),
  state: z.literal("failed"),
  error: agentError,
});

/** Postgres accepts connections, or has ended. */
export const databaseStateSchema = z.object({
  type: z.literal("database_state"),
  state: z.enum(["ready", "failed"]),
  error: agentError.nullable(),
});

/** The events that belong to no request, by type. */
export const CONTAINER_EVENTS = {
  execution_state: executionStateSchema,
  service_state: serviceStateSchema,
  database_state: databaseStateSchema,
} as const;
