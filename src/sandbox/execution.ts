/** One run of a cell: the request to the agent, its answer by the deadline, its interrupt. */
import { addAbortListener } from "node:events";
import type { Channel } from "../agent_protocol/mod.ts";
import { Deadline, within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { CellCollector, type CellOutcome, type CellOutput } from "./cell.ts";
import { afterInterrupt, cancelledError, unconfirmed } from "./endings.ts";

/** By this long after its deadline a call has its answer, whatever the sandbox does (promise 3: two seconds). */
const ANSWER_GRACE_MS = 1800;
/** The agent has this long after a cell's deadline to bring a kernel back; then the sandbox is given up. A fork bomb on a busy host took 20 s. */
const RECOVERY_MS = 45_000;
/** How long a cancelled cell's interrupt may take to be confirmed. */
const INTERRUPT_MS = 2000;

/** How a cell is to be run. */
export interface ExecuteOptions {
  /** The cell's own time, ms. */
  readonly timeoutMs: number;
  /** stdout and stderr kept, bytes. */
  readonly outputBytes: number;
  /** Interrupts the cell, variables kept. */
  readonly signal?: AbortSignal;
  readonly onOutput?: (output: CellOutput) => void;
  /** Called when another cell of the sandbox has to end first. */
  readonly onWaiting?: () => void;
  /** Runs apart from the user's history, in a throw-away namespace that has `user_ns`. */
  readonly internal?: boolean;
}

/** A cell that was sent. */
export interface Execution {
  /** What its caller is answered, in time. */
  readonly outcome: Promise<CellOutcome>;
  /** Resolves when the agent has answered, or never will: until then the cell may run. */
  readonly settled: Promise<void>;
}

/**
 * Sends a cell.
 *
 * @param channel The sandbox's channel.
 * @param code Python source.
 * @param options Caps, cancellation; its deadline is `timeoutMs`.
 * @param failed Says what a failed request means, and throws it.
 */
export function runCell(
  channel: Channel,
  code: string,
  options: ExecuteOptions,
  failed: (error: unknown) => Promise<never>,
): Execution {
  const { timeoutMs } = options;
  const collector = new CellCollector(options.onOutput);
  const request = channel.request("execute", {
    code,
    timeout_ms: timeoutMs,
    max_output_bytes: options.outputBytes,
    internal: options.internal ?? false,
  }, { deadlineMs: timeoutMs + RECOVERY_MS, onEvent: (event) => collector.take(event) });
  const reply = request.then((result) => collector.finish(result)).catch(failed);
  const settled = reply.then(() => {}, () => {});
  return { outcome: answer({ channel, reply, collector, options }), settled };
}

interface Running {
  readonly channel: Channel;
  readonly reply: Promise<CellOutcome>;
  readonly collector: CellCollector;
  readonly options: ExecuteOptions;
}

/** The reply, or by the deadline plus its grace what is known without one; a cancel in between interrupts the cell. */
async function answer(running: Running): Promise<CellOutcome> {
  const { reply, collector, options: { timeoutMs, signal } } = running;
  const late = Promise.withResolvers<CellOutcome>();
  late.promise.catch(() => {});
  using _deadline = new Deadline(
    timeoutMs + ANSWER_GRACE_MS,
    () => late.resolve(unconfirmed(collector.outputs, timeoutMs + ANSWER_GRACE_MS)),
  );
  const cancelled = Promise.withResolvers<never>();
  cancelled.promise.catch(() => {});
  let isCancelled = false;
  using _listener = signal && addAbortListener(signal, () => {
    isCancelled = true;
    void interrupt(running).then((state) => cancelled.reject(cancelledError(state)));
  });
  const outcome = await Promise.race([reply, late.promise, cancelled.promise]);
  // What the interrupt came to is what its caller wants to know.
  return isCancelled ? await cancelled.promise : outcome;
}

/** Interrupts the cell and says what became of it. */
async function interrupt({ channel, reply }: Running): Promise<string> {
  await channel.request("interrupt", {}, { deadlineMs: INTERRUPT_MS }).catch(() => {});
  try {
    return afterInterrupt(await within(reply, INTERRUPT_MS));
  } catch (error) {
    return (error instanceof OmcpError ? error.state : undefined) ?? "It is unknown what became of the cell";
  }
}
