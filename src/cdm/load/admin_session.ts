import { addAbortListener } from "node:events";
import { OmcpError } from "../../errors.ts";
import { ask, type TextRow, type Upstream, type UpstreamSession } from "../../postgres/upstream/mod.ts";
import { copyIn } from "./copy_in.ts";

/** The longest a single statement may take, in milliseconds: a foreign key of the largest CDMs takes hours. */
const STATEMENT_MS = 12 * 3_600_000;
const LOGIN_MS = 30_000;

const SETTINGS = {
  application_name: "omcp cdm load",
  search_path: "pg_catalog",
  DateStyle: "ISO, YMD",
  // Both of these are the administrator's to set for other sessions; a load waits for itself.
  statement_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  // Replacing a schema waits for its readers, but not for ever.
  lock_timeout: "60s",
  maintenance_work_mem: "256MB",
};

/** A session with the right to create a schema, used by one load alone. */
export class AdminSession {
  readonly #session: UpstreamSession;
  readonly #signal: AbortSignal;
  readonly #listener: Disposable;

  private constructor(upstream: Upstream, session: UpstreamSession, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
    // Dropping the connection alone would leave a long statement running to its end.
    this.#listener = addAbortListener(signal, () => {
      void upstream.cancel(session).finally(() => session.close());
    });
  }

  /**
   * Logs in.
   *
   * @param upstream The server, with the administrator's user.
   * @param signal Ends what the session does, and the session.
   * @returns The session.
   * @throws {OmcpError} `database_unavailable`, or the signal's reason.
   */
  static async open(upstream: Upstream, signal: AbortSignal): Promise<AdminSession> {
    signal.throwIfAborted();
    const session = await upstream.connect(
      SETTINGS,
      AbortSignal.any([signal, AbortSignal.timeout(LOGIN_MS)]),
    );
    return new AdminSession(upstream, session, signal);
  }

  /**
   * Runs statements.
   *
   * @param sql One, or several parted by semicolons.
   * @returns The rows of all, as text.
   * @throws {OmcpError} `database_refused`, `database_unavailable`, or the signal's reason.
   */
  async run(sql: string): Promise<readonly TextRow[]> {
    return await this.#guarded(() => ask(this.#session, sql, AbortSignal.timeout(STATEMENT_MS)));
  }

  /**
   * Runs a query whose answer is one whole number.
   *
   * @param sql The query.
   */
  async count(sql: string): Promise<number> {
    return Number((await this.run(sql))[0]?.[0] ?? Number.NaN);
  }

  /**
   * Tries a statement within the transaction, which goes on when it fails.
   *
   * @param sql The statement.
   * @returns Undefined if it was done, else the server's SQLSTATE.
   * @throws {OmcpError} If the connection is lost.
   */
  async attempt(sql: string): Promise<string | undefined> {
    return await this.#attempt(() => this.run(`SAVEPOINT omcp; ${sql}; RELEASE SAVEPOINT omcp`));
  }

  /**
   * Tries to copy rows into a table within the transaction, which goes on when they do not fit.
   *
   * @param copy A COPY … FROM STDIN in text format.
   * @param data The rows.
   * @returns Undefined if all are in, else the server's SQLSTATE, and none is.
   * @throws {OmcpError} If the connection is lost.
   */
  async copy(copy: string, data: Uint8Array): Promise<string | undefined> {
    const sql = `SAVEPOINT omcp; ${copy}; RELEASE SAVEPOINT omcp`;
    return await this.#attempt(() => copyIn(this.#session, sql, data));
  }

  /** Drops the connection; what was not committed is undone by the server. Idempotent. */
  close(): void {
    this.#listener[Symbol.dispose]();
    this.#session.close();
  }

  async #attempt(work: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await this.#guarded(work);
      return undefined;
    } catch (error) {
      const sqlstate = error instanceof OmcpError ? error.details.sqlstate : undefined;
      // Classes that tell of the server's state and not of the data: 53 resources, 57 intervention, 58 and XX trouble.
      if (typeof sqlstate !== "string" || /^(?:08|40|53|57|58|XX)/.test(sqlstate)) throw error;
      await this.run("ROLLBACK TO SAVEPOINT omcp; RELEASE SAVEPOINT omcp");
      return sqlstate;
    }
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error;
    }
  }
}
