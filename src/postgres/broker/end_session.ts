import { within } from "../../lib/async/deadline.ts";
import type { UpstreamSession } from "../upstream/mod.ts";
import { FRONTEND, message } from "../wire/message.ts";

/** What {@link endSession} works with. */
export interface EndSessionOptions {
  readonly session: UpstreamSession;
  /** Whether the server still owes an answer. */
  readonly busy: boolean;
  /** Settles when nobody else reads from the session. */
  readonly reading: Promise<unknown>;
  /** Asks the server to cancel the running statement. Returns whether the request was sent. */
  readonly cancel: () => Promise<boolean>;
  /** Asks the server to end the session's process. Undefined if that is not possible. */
  readonly terminate: (() => Promise<void>) | undefined;
  /** Called with what happened to a statement that did not end when it was cancelled. */
  readonly overran: (outcome: Overrun) => void;
}

/** What happened to a statement that ignored its cancel. */
export type Overrun = "terminated" | "still_running";

/** Milliseconds that a statement has to end after its cancel, and its process after its termination. */
const GRACE_MS = 1_000;

/** A statement that neither its cancel nor the termination of its process has ended: some of PostgreSQL's functions look at neither. */
export interface Remnant {
  /** Resolves when its process has ended, or the session is closed. */
  readonly gone: Promise<void>;
}

/**
 * Ends a session, and everything that it runs at the server: the process of a statement that ignores its cancel is terminated.
 * While the connection is open, the process with its id is this session's.
 *
 * @param options The session, and how to ask the server.
 * @returns What still runs at the server, on a session that stays open; undefined if nothing does as far as is known.
 */
export async function endSession(options: EndSessionOptions): Promise<Remnant | undefined> {
  const { session, busy } = options;
  const goodbye = session.write(message(FRONTEND.terminate)).catch(function ignore() {});
  if (busy) {
    const gone = drained(options);
    if (!(await isOver(options, gone))) return { gone };
  } else {
    await comes(goodbye);
  }
  session.close();
  return undefined;
}

/** Whether nothing runs any more, or nothing can be done or known about it. */
async function isOver(options: EndSessionOptions, gone: Promise<void>): Promise<boolean> {
  if (await comes(gone, 0)) return true;
  // A server that cannot be asked to cancel cannot be asked for more.
  if (!(await options.cancel()) || await comes(gone)) return true;
  const ended = await terminated(options, gone);
  options.overran(ended ? "terminated" : "still_running");
  return ended;
}

async function terminated(options: EndSessionOptions, gone: Promise<void>): Promise<boolean> {
  if (options.terminate === undefined) return false;
  try {
    await options.terminate();
  } catch {
    // It may have ended by itself.
  }
  return await comes(gone);
}

/** Reads up to the end of the server's stream. */
async function drained({ session, reading }: EndSessionOptions): Promise<void> {
  try {
    await reading;
  } catch {
    // The relay that read before reports its own error.
  }
  try {
    while (await session.reader.readSome() !== undefined);
  } catch {
    // A lost connection counts as ended.
  }
}

/** Waits for a limited time. Returns whether the promise was fulfilled. */
async function comes(promise: Promise<unknown>, ms = GRACE_MS): Promise<boolean> {
  return await within(promise.then(() => true), ms) ?? false;
}
