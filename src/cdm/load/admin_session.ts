import { addAbortListener } from "node:events";
import { OmcpError } from "../../errors.ts";
import { ask, type TextRow, type Upstream, type UpstreamSession } from "../../postgres/upstream/mod.ts";
import { copyIn } from "./copy_in.ts";

/** The longest time for one statement, in milliseconds: a foreign key of the largest CDMs takes hours. */
const STATEMENT_MS = 12 * 3_600_000;
const LOGIN_MS = 30_000;

const SETTINGS = {
  application_name: "omcp cdm load",
  search_path: "pg_catalog",
  DateStyle: "ISO, YMD",
  // The site's limits are for interactive sessions; a load has no limit.
  statement_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  // Replacing a schema waits for its readers, but not forever.
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
   * @param signal Cancels the running statement and closes the session.
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
   * @param sql One statement, or several with semicolons between them.
   * @returns The rows of all, as text.
   * @throws {OmcpError} `database_refused`, `database_unavailable`, or the signal's reason.
   */
  async run(sql: string): Promise<readonly TextRow[]> {
    return await this.#guarded(() => ask(this.#session, sql, AbortSignal.timeout(STATEMENT_MS)));
  }

  /**
   * Runs a query that returns one integer.
   *
   * @param sql The query.
   */
  async count(sql: string): Promise<number> {
    return Number((await this.run(sql))[0]?.[0] ?? Number.NaN);
  }

  /**
   * Tries a statement in a savepoint: if it fails, the transaction continues.
   *
   * @param sql The statement.
   * @returns Undefined on success, else the server's SQLSTATE.
   * @throws {OmcpError} If the connection is lost.
   */
  async attempt(sql: string): Promise<string | undefined> {
    return await this.#attempt(() => this.run(`SAVEPOINT omcp; ${sql}; RELEASE SAVEPOINT omcp`));
  }

  /**
   * Tries to copy rows into a table in a savepoint: if the server refuses them, the transaction continues.
   *
   * @param copy A COPY … FROM STDIN in text format.
   * @param data The rows.
   * @returns Undefined if all rows were copied; else the server's SQLSTATE, and no row was copied.
   * @throws {OmcpError} If the connection is lost.
   */
  async copy(copy: string, data: Uint8Array): Promise<string | undefined> {
    const sql = `SAVEPOINT omcp; ${copy}; RELEASE SAVEPOINT omcp`;
    return await this.#attempt(() => copyIn(this.#session, sql, data));
  }

  /** Drops the connection; the server rolls back what was not committed. Idempotent. */
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
      // Errors of the server, not of the data: 08 connection, 40 rollback, 53 resources, 57 intervention, 58 and XX internal.
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
