/** Sends a cell to the agent, and gives its caller an outcome in time, whatever the agent does. */
import { addAbortListener } from "node:events";
import type { Channel } from "../../agent_protocol/mod.ts";
import {
  type ExecuteParams,
  EXECUTION_DEADLINES,
  type ExecutionOutput,
} from "../../agent_protocol/messages/mod.ts";
import { Deadline } from "../../lib/async/deadline.ts";
import { type ExecutionOutcome, OutputCollector } from "./outcome.ts";
import type { OutputLog } from "./output_log.ts";
import { unconfirmed } from "./cell_errors.ts";
import { newExecutionId } from "./execution_spec.ts";

const { answerMs: ANSWER_MS, giveUpMs: GIVE_UP_MS } = EXECUTION_DEADLINES;

/** The agent sends at least this many bytes of stdout, and of stderr: the first half at once. Results show fewer (OMCP_OUTPUT_KIB). */
const SENT_BYTES = 256 * 1024;

/** Bytes of the longest character: a character that crosses the end of what is sent at once is sent later. */
const CHARACTER_BYTES = 4;

/**
 * How many bytes of stdout, and of stderr, arrive at once. A running cell that has printed more may be ahead of what has arrived.
 *
 * @param outputBytes As in {@link ExecuteOptions}.
 */
export function sentAtOnce(outputBytes: number): number {
  return Math.max(SENT_BYTES, outputBytes) / 2 - CHARACTER_BYTES;
}

/** How to run a cell. */
export interface ExecuteOptions {
  /** The cell's own time, ms; it runs from the cell's start. */
  readonly timeoutMs: number;
  /** Bytes kept of stdout, and of stderr. */
  readonly outputBytes: number;
  /** Interrupts the cell; variables are kept. */
  readonly signal?: AbortSignal;
  /** Gets each output as it arrives. */
  readonly onOutput?: (output: ExecutionOutput) => void;
  /** Keeps the outputs. @default a log of its own */
  readonly log?: OutputLog;
  /** Called when another cell of the sandbox has to end first. */
  readonly onWaiting?: () => void;
  /** Called when the cell is sent. */
  readonly onStarted?: () => void;
  /** Keeps the cell out of the user's history; its own namespace has the user's as `user_ns`. @default false */
  readonly silent?: boolean;
  /** The execution's id. @default a new one */
  readonly id?: string;
  /** Environment variables for this execution only; afterwards they have their earlier values. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Working folder for this execution only; a relative one is under /workspace. @default the kernel's own */
  readonly cwd?: string;
  /** The name of the context that runs it. @default "default" */
  readonly context?: string;
}

/** Where a cell is sent. */
interface InContext {
  readonly context: string;
}

/** A cell that was sent. */
export interface SentCell {
  /** The caller's outcome, in time whatever the agent does. */
  readonly outcome: Promise<ExecutionOutcome>;
  /** Resolves when the agent has replied, or cannot reply any more: until then the cell may run. */
  readonly settled: Promise<void>;
}

/**
 * Sends a cell.
 *
 * @param channel The sandbox's channel.
 * @param code Python source.
 * @param options See {@link ExecuteOptions}.
 * @param failed Turns a failed request's error into the caller's, and throws it.
 */
export function runCell(
  channel: Channel,
  code: string,
  options: ExecuteOptions & InContext,
  failed: (error: unknown) => Promise<never>,
): SentCell {
  const { timeoutMs } = options;
  const params: ExecuteParams = {
    code,
    timeout_ms: timeoutMs,
    max_output_bytes: Math.max(SENT_BYTES, options.outputBytes),
    // No more than is shown: the kernel states how much of a longer text it leaves out.
    max_text_characters: options.outputBytes,
    silent: options.silent ?? false,
    execution: options.id ?? newExecutionId(),
    env: options.env ?? {},
    cwd: options.cwd ?? null,
    context: options.context,
  };
  return follow({ channel, method: "execute", params, options, failed });
}

/** How to go on with a cell that an earlier server sent. */
export type ResumeOptions = Pick<ExecuteOptions, "signal" | "onOutput" | "log" | "onStarted" | "context"> & {
  /** The execution's id. */
  readonly id: string;
  /** Whether it has ended already: then it does not use the kernel. */
  readonly ended: boolean;
  /** What is left of the cell's own time, or how long its output may take to arrive, ms. */
  readonly timeoutMs: number;
};

/**
 * Goes on with a cell that an earlier server sent, from its first output on; it may have ended.
 *
 * @param channel The sandbox's channel.
 * @param options See {@link ResumeOptions}.
 * @param failed As in {@link runCell}.
 */
export function resumeCell(
  channel: Channel,
  options: ResumeOptions & InContext,
  failed: (error: unknown) => Promise<never>,
): SentCell {
  return follow({ channel, method: "resume", params: { execution: options.id }, options, failed });
}

function follow({ channel, method, params, options, failed }: {
  readonly channel: Channel;
  readonly method: "execute" | "resume";
  readonly params: unknown;
  readonly options: FollowOptions;
  readonly failed: (error: unknown) => Promise<never>;
}): SentCell {
  const collector = new OutputCollector(options.onOutput, options.log);
  const request = channel.request(method, params, {
    deadlineMs: options.timeoutMs + GIVE_UP_MS,
    onEvent: (event) => collector.add(event),
  });
  const reply = request.then((result) => collector.finish(result)).catch(failed);
  const settled = reply.then(() => {}, () => {});
  return { outcome: outcomeInTime({ channel, reply, collector, options }), settled };
}

type FollowOptions = Pick<ExecuteOptions, "timeoutMs" | "signal" | "onOutput" | "log"> & InContext;

interface Running {
  readonly channel: Channel;
  readonly reply: Promise<ExecutionOutcome>;
  readonly collector: OutputCollector;
  readonly options: FollowOptions;
}

/**
 * The reply or, when the deadline passes or an interrupt is not confirmed in time, what is known without one. The agent ends an
 * interrupted cell as it ends one that overruns, within the same time.
 */
async function outcomeInTime({ channel, reply, collector, options }: Running): Promise<ExecutionOutcome> {
  const { timeoutMs, signal } = options;
  const start = performance.now();
  const late = Promise.withResolvers<ExecutionOutcome>();
  function giveUp(status: "timeout" | "interrupted"): void {
    late.resolve(unconfirmed(status, collector.outputs, performance.now() - start));
  }
  using _deadline = new Deadline(timeoutMs + ANSWER_MS, () => giveUp("timeout"));
  using interrupts = new DisposableStack();
  using _listener = signal && addAbortListener(signal, () => {
    interrupts.use(new Deadline(ANSWER_MS, () => giveUp("interrupted")));
    channel.request("interrupt", { context: options.context }, { deadlineMs: ANSWER_MS }).catch(() => {});
  });
  return await Promise.race([reply, late.promise]);
}
