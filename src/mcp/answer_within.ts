/** Calls that may take long: each starts an execution, which goes on if the call answers before its end. */
import { type CallToolResult, SdkError, SdkErrorCode } from "@modelcontextprotocol/server";
import { addAbortListener } from "node:events";
import { OmcpError } from "../errors.ts";
import { within } from "../lib/async/deadline.ts";
import type { ExecutionEnd, MoreFacts } from "../observability/audit.ts";
import { utf8Bytes } from "../lib/bytes.ts";
import {
  afterInterrupt,
  cancelledError,
  type Execution,
  type ExecutionResult,
  type ExecutionRun,
  type ExecutionSpec,
  type Sandbox,
} from "../sandbox/mod.ts";
import { executionResult } from "./execution_text.ts";
import { knownError } from "./results.ts";
import type { ToolContext } from "./tool.ts";

/** How long a cancelled call waits for the end of its execution. */
const INTERRUPT_MS = 2000;

/** What a call starts. */
export interface LongWork extends Omit<ExecutionSpec, "owner"> {
  /** The sandbox that it belongs to; undefined for `create_sandbox`. */
  readonly sandbox: Sandbox | undefined;
  /** For the audit: the names of packages that it asks a package index for. @default none */
  readonly packages?: readonly string[];
  /** Further fields of its line in the audit; the work may add some. @default none */
  readonly audit?: MoreFacts;
}

/** How a call waits. */
export interface WaitOptions {
  /** Seconds that the caller asked for; more than the server's maximum is cut to it, and the answer says so. @default the maximum */
  readonly wait?: number | undefined;
}

/**
 * Starts an execution, and answers with its result or, when the wait is over, with what there is so far and how to continue. Nothing is
 * interrupted because a wait is over; only a client that cancels the call before it answers interrupts the execution.
 *
 * @param context The call.
 * @param work What is executed.
 * @param options How long the call waits.
 * @throws {OmcpError} What the work throws, `cancelled`, or what {@link ExecutionStore.start} throws.
 */
export async function answerWithin(
  context: ToolContext,
  work: LongWork,
  options: WaitOptions = {},
): Promise<CallToolResult> {
  const { sandboxes, limits } = context.services;
  const { sandbox, packages: _packages, audit: _audit, ...spec } = work;
  const store = sandbox?.executions ?? sandboxes.executions;
  const execution = store.start({
    ...spec,
    owner: context.principal.id,
    work: (run) => audited(context, work, run),
  });
  context.note({ execution: execution.id });
  context.limit(work.timeoutMs);
  const { waitMs, notes } = clampedWait(context, options);
  await waitFor(context, execution, waitMs);
  if (context.signal.aborted) throw await cancelled(context.signal.reason, execution);
  context.note({ status: execution.state });
  // If there is output, the result shows the output and then the error.
  if (execution.error !== undefined && execution.log.next === 0) throw execution.error;
  return executionResult(execution, { characters: limits.outputBytes, notes });
}

/**
 * Bounds a caller's wait by the server's maximum.
 *
 * @param context The call.
 * @param options What the caller asked for.
 * @returns Milliseconds, and what the answer has to say about it.
 */
export function clampedWait(
  { services: { limits } }: ToolContext,
  { wait }: WaitOptions,
): { readonly waitMs: number; readonly notes: readonly string[] } {
  const waitMs = wait === undefined ? limits.waitMs : Math.round(wait * 1000);
  if (waitMs <= limits.waitMs) return { waitMs, notes: [] };
  return {
    waitMs: limits.waitMs,
    notes: [`[wait: ${wait} s is above the maximum; the call waited at most ${limits.waitMs / 1000} s]`],
  };
}

/**
 * Waits until an execution has ended, the time is over or the caller gives up, and reports progress meanwhile.
 *
 * @param context The caller.
 * @param execution The execution.
 * @param waitMs Milliseconds.
 */
export async function waitFor(context: ToolContext, execution: Execution, waitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  function check(): void {
    if (execution.isEnded) resolve();
    else context.progress(execution.progress || execution.state);
  }
  // Not `settled.then()`: the promise would keep the reaction of each wait until the execution ends.
  using _changes = execution.onChange(check);
  using _listener = addAbortListener(context.signal, () => resolve());
  check();
  if (!context.signal.aborted) await within(promise, waitMs);
}

/**
 * Whether a call's signal was aborted because the connection ended. That does not cancel its execution.
 *
 * @param reason The signal's reason.
 */
export function isConnectionEnd(reason: unknown): boolean {
  return reason instanceof SdkError && reason.code === SdkErrorCode.ConnectionClosed;
}

/** Interrupts the execution of a call that its client cancelled, but not that of one whose connection ended. Returns the call's error. */
async function cancelled(reason: unknown, execution: Execution): Promise<Error> {
  if (isConnectionEnd(reason)) {
    return cancelledError(`The connection ended; execution ${execution.id} continues`, reason);
  }
  execution.interrupt();
  await within(execution.settled, INTERRUPT_MS);
  return cancelledError(stateOf(execution), reason);
}

function stateOf({ result, error, state }: Execution): string {
  if (result?.kind === "cell") return afterInterrupt(result.outcome);
  return error?.state ?? `The execution is ${state}`;
}

/** Does the work, with a line in the audit when it ends. */
async function audited(context: ToolContext, work: LongWork, run: ExecutionRun): Promise<ExecutionResult> {
  const { sandbox, tool, source, usesKernel = false } = work;
  const facts = {
    execution: run.id,
    principal: context.principal.id,
    sandbox: sandbox?.id ?? null,
    tool,
    source,
    usesKernel,
    packages: work.packages,
    more: work.audit,
  };
  return await context.services.audit.execution(facts, () => known(run, () => work.work(run)), endOf);
}

/** Turns what the work throws into an error that a caller may see. */
async function known<T>(run: ExecutionRun, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // What a library throws when its signal is aborted says less than the reason.
    throw run.signal.aborted && !(error instanceof OmcpError) ? run.signal.reason : knownError(error);
  }
}

/**
 * How an execution ended, for the audit.
 *
 * @param result Its result.
 */
export function endOf(result: ExecutionResult): ExecutionEnd {
  if (result.kind === "text") {
    return { status: "ok", bytes: result.bytes ?? utf8Bytes(result.text) };
  }
  const { status, output: { stdout, stderr, displays } } = result.outcome;
  return { status, bytes: stdout.bytes + stderr.bytes + displays.bytes };
}
