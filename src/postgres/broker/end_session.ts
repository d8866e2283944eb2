import { within } from "../../lib/async/deadline.ts";
import type { UpstreamSession } from "../upstream/mod.ts";
import { FRONTEND, message } from "../wire/message.ts";

/** How a session at the server is left. */
export interface EndSessionOptions {
  readonly session: UpstreamSession;
  /** Whether the server still owes an answer. */
  readonly busy: boolean;
  /** Settles when nobody else reads from the session. */
  readonly reading: Promise<unknown>;
  /** Asks the server to cancel what runs. Returns whether it has been asked. */
  readonly cancel: () => Promise<boolean>;
  /** Asks the server to end the session's process. Undefined where that cannot be asked for. */
  readonly terminate: (() => Promise<void>) | undefined;
  /** Told how a statement went on that did not end when it was cancelled. */
  readonly overran: (outcome: Overrun) => void;
}

/** What became of a statement that ignored its cancel. */
export type Overrun = "terminated" | "still_running";

/** Milliseconds that a statement has to end in after its cancel, and its process after it was told to end. */
const GRACE_MS = 1_000;

/**
 * Leaves a session, and nothing of it running at the server: what does not end when it is cancelled has its process ended. As long
 * as the connection is open, the process with its id is the session's own and nobody else's.
 *
 * @param options The session, and how the server is asked.
 */
export async function endSession(options: EndSessionOptions): Promise<void> {
  const { session, busy, cancel, overran } = options;
  const goodbye = session.write(message(FRONTEND.terminate)).catch(function ignore() {});
  try {
    if (!busy) {
      await comes(goodbye);
      return;
    }
    const gone = drained(options);
    if (await comes(gone, 0)) return;
    // A server that cannot be asked to cancel cannot be asked for more.
    if (!(await cancel()) || await comes(gone)) return;
    overran(await terminated(options, gone) ? "terminated" : "still_running");
  } finally {
    session.close();
  }
}

async function terminated(options: EndSessionOptions, gone: Promise<void>): Promise<boolean> {
  if (options.terminate === undefined) return false;
  try {
    await options.terminate();
  } catch {
    // It may have ended by itself meanwhile.
  }
  return await comes(gone);
}

/** Reads what is left, to the end that the server makes. */
async function drained({ session, reading }: EndSessionOptions): Promise<void> {
  try {
    await reading;
  } catch {
    // Whoever read before has met an error of its own.
  }
  try {
    while (await session.reader.readSome() !== undefined);
  } catch {
    // Lost: as good as ended, as far as can be known.
  }
}

/** Waits for a while. Returns whether it has come. */
async function comes(promise: Promise<unknown>, ms = GRACE_MS): Promise<boolean> {
  return await within(promise.then(() => true), ms) ?? false;
}
