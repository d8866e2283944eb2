/** Goes on with the executions that an earlier server started in a sandbox. The sandbox's agent has their sources and all their output. */
import type { Channel } from "../../agent_protocol/mod.ts";
import { type JournalEntry, MAX_CODE_BYTES, REQUESTS } from "../../agent_protocol/messages/mod.ts";
import { OmcpError } from "../../errors.ts";
import type { Sandbox } from "../sandbox.ts";
import type { ExecutionResult, ExecutionRun } from "./execution_spec.ts";

/** How long an agent may take for an answer that it has at hand, ms. */
const ANSWER_MS = 5000;

/** An execution that goes on under this server. */
export interface ResumedExecution {
  readonly id: string;
  /** The id of its sandbox's owner. */
  readonly owner: string;
  readonly sandboxId: string;
  readonly tool: string;
  readonly source: string;
}

/** Records an execution that goes on under this server, in the same way as those that begin under it. */
export type RecordResumed = (
  execution: ResumedExecution,
  work: () => Promise<ExecutionResult>,
) => Promise<ExecutionResult>;

const unrecorded: RecordResumed = (_, work) => work();

/**
 * Puts a sandbox's executions into its store, the oldest first. Ended ones have their results; running ones have all their output from the
 * beginning. Silent ones were steps of calls that ended with their server: one that runs is interrupted.
 *
 * @param sandbox The sandbox, which has an owner and has run nothing yet under this server.
 * @param channel Its agent's.
 * @param entries What its agent knows of.
 * @param options `signal` gives up. `record` records running executions, and those that ended less than `unrecordedMs` ago, when perhaps no server
 * was there.
 * @throws {OmcpError} `channel_failed`, `timeout`, `cancelled`.
 */
export async function restoreExecutions(
  sandbox: Sandbox,
  channel: Channel,
  entries: readonly JournalEntry[],
  { signal, unrecordedMs, record = unrecorded }: {
    readonly signal: AbortSignal;
    readonly unrecordedMs: number;
    readonly record?: RecordResumed | undefined;
  },
): Promise<void> {
  for (const entry of entries) {
    signal.throwIfAborted();
    const isRecorded = (entry.endedMs ?? 0) > unrecordedMs;
    if (!entry.silent) {
      const source = await readSource(channel, entry, signal);
      await restore(sandbox, entry, source, isRecorded ? unrecorded : record);
    } else if (entry.endedMs === null) interruptSilent(sandbox, entry);
  }
}

async function restore(
  sandbox: Sandbox,
  entry: JournalEntry,
  source: string,
  record: RecordResumed,
): Promise<void> {
  const { execution: id, context, timeoutMs, elapsedMs, endedMs } = entry;
  const ended = endedMs !== null;
  const facts = {
    id,
    owner: sandbox.owner ?? "",
    sandboxId: sandbox.id,
    tool: "execute_python_code",
    source,
  };
  async function resume(run: ExecutionRun): Promise<ExecutionResult> {
    const outcome = await sandbox.resume({
      id,
      context,
      ended,
      timeoutMs: ended ? ANSWER_MS : Math.max(1, timeoutMs - elapsedMs),
      signal: run.signal,
      log: run.log,
      onStarted: () => run.started(),
    });
    return { kind: "cell", outcome };
  }
  const execution = sandbox.executions.start({
    ...facts,
    timeoutMs,
    usesKernel: true,
    context,
    notebook: { code: source },
    past: { id, elapsedMs, endedMs: endedMs ?? undefined },
    work: (run) => record(facts, () => resume(run)),
  });
  if (ended) await execution.settled;
}

/** Nobody waits for its result; until it has ended, it uses the kernel. */
function interruptSilent(sandbox: Sandbox, { execution: id, context }: JournalEntry): void {
  sandbox.resume({ id, context, ended: false, timeoutMs: ANSWER_MS, signal: AbortSignal.abort() }).catch(
    () => {
      // A sandbox that broke meanwhile has ended.
    },
  );
}

async function readSource(
  channel: Channel,
  { execution, sourceLength }: JournalEntry,
  signal: AbortSignal,
): Promise<string> {
  let code = "";
  // Python counts characters beyond UTF-16's first 65,536 as one.
  for (let offset = 0; offset < sourceLength;) {
    const reply = await channel.request("source", { execution, offset }, { signal, deadlineMs: ANSWER_MS });
    const { data } = REQUESTS.source.result.safeParse(reply);
    if (data === undefined || data.text === "" || code.length > MAX_CODE_BYTES) {
      throw new OmcpError("channel_failed", "The sandbox's agent sent an invalid source");
    }
    code += data.text;
    offset += [...data.text].length;
  }
  return code;
}
