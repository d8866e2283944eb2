import { addAbortListener } from "node:events";
import { abortable } from "../lib/async/abortable.ts";
import { DeadlineSignal } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { ALWAYS_AUDITING, type Audit, audited, type Auditing, statementSource } from "./broker/audit.ts";
import { OwnSessions } from "./broker/own_sessions.ts";
import {
  type OwnStatement,
  type RowLimits,
  type RowTotals,
  runStatement,
  ServerRefusal,
  type SessionSettings,
  type TextRow,
  type Upstream,
} from "./upstream/mod.ts";

/** What an {@link OwnReader} works with. */
export interface OwnReaderOptions {
  readonly upstream: Upstream;
  /** The settings of every session; they make it read-only. */
  readonly settings: SessionSettings;
  readonly audit: Audit;
  /** @default {ALWAYS_AUDITING} */
  readonly auditing?: Auditing;
}

/** Limits of one statement. */
export interface ReadLimits extends RowLimits {
  /** Milliseconds from the call to the last row, with the wait for a session. */
  readonly ms: number;
}

/** Sessions for statements of tools, besides the clients' and the planner's. */
const MOST_SESSIONS = 4;
const IDLE_MS = 60_000;
const MOST_MS = 300_000;
/** The owner in the audit, in place of a sandbox's id. */
const AUDITED_AS = "server";
const CANCELED = "57014";
const CONNECTION_FAILURE = "08006";

/**
 * Runs read-only statements that the server wrote itself, on sessions of its own under the role that has been checked. Their values are
 * parameters; no text of a caller becomes SQL. Each is audited, as those of sandboxes are.
 */
export class OwnReader {
  readonly #options: OwnReaderOptions;
  readonly #sessions: OwnSessions;
  #statements = 0;

  /**
   * Connects to nothing yet.
   *
   * @param options The server, and where statements are audited.
   */
  constructor(options: OwnReaderOptions) {
    this.#options = options;
    this.#sessions = new OwnSessions({
      connect: (signal) => options.upstream.connect(options.settings, signal),
      most: MOST_SESSIONS,
      idleMs: IDLE_MS,
      cancel: (session) => options.upstream.cancel(session),
      // Each statement has a limit of its own, which is far below this one.
      taskMs: MOST_MS,
    });
  }

  /**
   * Runs a statement with a small result.
   *
   * @param statement The statement.
   * @param limits Time and size.
   * @param signal Cancels it.
   * @returns The rows as text.
   * @throws {OmcpError} `timeout`, the signal's reason, or what {@link runStatement} throws.
   */
  async read(statement: OwnStatement, limits: ReadLimits, signal: AbortSignal): Promise<readonly TextRow[]> {
    const rows: TextRow[] = [];
    // An owner has one statement at a time; those of different calls need not wait for each other.
    const owner = String(this.#statements += 1);
    await this.#bounded(
      statement,
      limits,
      signal,
      (until) =>
        this.#sessions.run(owner, async (session, closing) => {
          using _closing = addAbortListener(closing, () => session.close());
          return await runStatement(session, statement, limits, (row) => void rows.push(row));
        }, until),
    );
    return rows;
  }

  /**
   * Runs a statement with a large result, on a session of its own.
   *
   * @param statement The statement.
   * @param limits Time and size.
   * @param signal Cancels it.
   * @param take Gets each row; while the promise that it returns is pending, the server waits.
   * @throws {OmcpError} As {@link read}, and what `take` throws.
   */
  async stream(
    statement: OwnStatement,
    limits: ReadLimits,
    signal: AbortSignal,
    take: (row: TextRow) => Promise<void> | void | undefined,
  ): Promise<void> {
    const { upstream, settings } = this.#options;
    await this.#bounded(statement, limits, signal, async (until) => {
      // The time of a statement includes the time in which its reader does other things.
      const session = await upstream.connect({ ...settings, statement_timeout: String(limits.ms) }, until);
      try {
        // The connection's end alone does not stop a statement that sends nothing.
        using _cancelling = addAbortListener(until, () => {
          void upstream.cancel(session).finally(() => session.close());
        });
        return await runStatement(session, statement, limits, take);
      } finally {
        session.close();
      }
    });
  }

  /** Closes idle sessions now, and busy ones when their statement ends. */
  close(): void {
    this.#sessions.close();
  }

  async #bounded(
    statement: OwnStatement,
    { ms }: ReadLimits,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<RowTotals>,
  ): Promise<void> {
    if (this.#options.auditing?.ready() === false) throw unaudited();
    const start = performance.now();
    using deadline = new DeadlineSignal(ms, signal);
    try {
      const totals = await abortable(work(deadline.signal), deadline.signal);
      this.#audit(statement, start, totals);
    } catch (error) {
      this.#audit(statement, start, { rows: 0, bytes: 0 }, sqlstateOf(error));
      if (deadline.expired || error instanceof ServerRefusal && error.server.sqlstate === CANCELED) {
        throw new OmcpError("timeout", `The database did not answer within ${ms / 1000} s`, {
          state: "The statement was cancelled; nothing was changed.",
          cause: error,
        });
      }
      throw error;
    }
  }

  #audit({ sql }: OwnStatement, start: number, totals: RowTotals, sqlstate?: string): void {
    const { audit, auditing = ALWAYS_AUDITING } = this.#options;
    audit({
      sandboxId: AUDITED_AS,
      source: statementSource(sql, auditing.keepsSource),
      normalizedSql: audited(sql),
      decision: "forward",
      command: "select",
      ...totals,
      elapsedMs: Math.round(performance.now() - start),
      ...(sqlstate === undefined ? {} : { sqlstate }),
    });
  }
}

/** The SQLSTATE of a statement that failed: the server's, or that of a lost connection or of a cancel. */
function sqlstateOf(error: unknown): string {
  if (error instanceof ServerRefusal) return error.server.sqlstate;
  return error instanceof OmcpError && error.code === "database_unavailable" ? CONNECTION_FAILURE : CANCELED;
}

function unaudited(): OmcpError {
  return new OmcpError("database_unavailable", "The server cannot write its audit: nothing was read", {
    next: "Ask the server's operator: the server's log has the cause.",
  });
}
