/** An execution: the request to the agent, the caller's outcome in time, the interrupt. */
import { addAbortListener } from "node:events";
import type { Channel } from "../agent_protocol/mod.ts";
import {
  type ExecuteParams,
  EXECUTION_DEADLINES,
  type ExecutionOutput,
} from "../agent_protocol/messages/mod.ts";
import { Deadline, within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { type ExecutionOutcome, OutputCollector } from "./outcome.ts";
import { afterInterrupt, cancelledError, unconfirmed } from "./endings.ts";

const { answerMs: ANSWER_MS, giveUpMs: GIVE_UP_MS } = EXECUTION_DEADLINES;
/** How long a cancelled cell's interrupt may take to be confirmed. */
const INTERRUPT_MS = 2000;

/**
 * Of stdout and of stderr the agent sends at least this much, the first half at once; of a value, as many characters. Results show less
 * (OMCP_OUTPUT_KIB).
 */
const SENT_BYTES = 256 * 1024;

/** An id that nobody can guess: it also names the copy of the output in the sandbox. */
export function newExecutionId(): string {
  return `exec_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
}

/** How to run a cell. */
export interface ExecuteOptions {
  /** The cell's own time, ms. */
  readonly timeoutMs: number;
  /** stdout and stderr kept, bytes. */
  readonly outputBytes: number;
  /** Interrupts the cell, variables kept. */
  readonly signal?: AbortSignal;
  /** Gets each output as it arrives. */
  readonly onOutput?: (output: ExecutionOutput) => void;
  /** Called when another cell of the sandbox has to end first. */
  readonly onWaiting?: () => void;
  /** Runs apart from the user's history, in a namespace of its own that has `user_ns`. @default false */
  readonly silent?: boolean;
  /** The execution's id. @default a new one */
  readonly id?: string;
  /** Environment variables for this execution only; afterwards they have their earlier values. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Working folder for this execution only; a relative one is under /workspace. @default the kernel's own */
  readonly cwd?: string;
}

/** An execution whose cell was sent. */
export interface Execution {
  /** The caller's outcome, in time whatever the agent does. */
  readonly outcome: Promise<ExecutionOutcome>;
  /** Resolves when the agent has replied, or never will: until then the cell may run. */
  readonly settled: Promise<void>;
}

/**
 * Sends a cell.
 *
 * @param channel The sandbox's channel.
 * @param code Python source.
 * @param options Caps, cancellation; its deadline is `timeoutMs`.
 * @param failed Turns a failed request's error into the caller's, and throws it.
 */
export function runCell(
  channel: Channel,
  code: string,
  options: ExecuteOptions,
  failed: (error: unknown) => Promise<never>,
): Execution {
  const { timeoutMs } = options;
  const collector = new OutputCollector(options.onOutput);
  const params: ExecuteParams = {
    code,
    timeout_ms: timeoutMs,
    max_output_bytes: Math.max(SENT_BYTES, options.outputBytes),
    silent: options.silent ?? false,
    execution: options.id ?? newExecutionId(),
    env: options.env ?? {},
    cwd: options.cwd ?? null,
  };
  const request = channel.request("execute", params, {
    deadlineMs: timeoutMs + GIVE_UP_MS,
    onEvent: (event) => collector.add(event),
  });
  const reply = request.then((result) => collector.finish(result)).catch(failed);
  const settled = reply.then(() => {}, () => {});
  return { outcome: outcomeInTime({ channel, reply, collector, options }), settled };
}

interface Running {
  readonly channel: Channel;
  readonly reply: Promise<ExecutionOutcome>;
  readonly collector: OutputCollector;
  readonly options: ExecuteOptions;
}

/** The reply or, when the deadline passes, what is known without one. A cancellation interrupts the cell. */
async function outcomeInTime(running: Running): Promise<ExecutionOutcome> {
  const { reply, collector, options: { timeoutMs, signal } } = running;
  const late = Promise.withResolvers<ExecutionOutcome>();
  late.promise.catch(() => {});
  using _deadline = new Deadline(
    timeoutMs + ANSWER_MS,
    () => late.resolve(unconfirmed(collector.outputs, timeoutMs + ANSWER_MS)),
  );
  const cancelled = Promise.withResolvers<never>();
  cancelled.promise.catch(() => {});
  let isCancelled = false;
  using _listener = signal && addAbortListener(signal, () => {
    isCancelled = true;
    void interrupt(running).then((state) => cancelled.reject(cancelledError(state)));
  });
  const outcome = await Promise.race([reply, late.promise, cancelled.promise]);
  // The caller waits for the result of the interrupt.
  return isCancelled ? await cancelled.promise : outcome;
}

/** Interrupts the cell and returns a sentence about its state. */
async function interrupt({ channel, reply }: Running): Promise<string> {
  await channel.request("interrupt", {}, { deadlineMs: INTERRUPT_MS }).catch(() => {});
  try {
    return afterInterrupt(await within(reply, INTERRUPT_MS));
  } catch (error) {
    return (error instanceof OmcpError ? error.state : undefined) ??
      "It is unknown whether the cell has ended";
  }
}
