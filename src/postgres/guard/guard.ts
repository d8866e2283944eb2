import { OmcpError } from "../../errors.ts";
import { Lane } from "./lane.ts";
import { PARAMETER_TYPES } from "./parameter_types.ts";
import { SQLSTATE } from "./refusal.ts";
import type { SqlScope } from "../../lib/sql_outline.ts";
import type { StatementPlan } from "./statement_plan.ts";
import type { GuardPolicy, QueryProtocol } from "./types.ts";

/** Longer texts, which few people and tools write, are planned in a worker of their own, so that short ones do not wait for them. */
const SHORT_CHARACTERS = 8_192;
/** Milliseconds for which the texts of a sandbox go to the worker for long ones after one of them overran. */
const PENALTY_MS = 10_000;
const MAX_SLOW = 1_000;

/** How a guard works. */
export interface GuardOptions {
  /** The longest a text may take to be planned, in milliseconds. @default 2000 */
  readonly deadlineMs?: number;
  /** The longest it may take in the worker for short texts while another owner waits; then the other one plans it. @default 100 */
  readonly shortDeadlineMs?: number;
  /** The longest the parser may take to load, in milliseconds. @default 10000 */
  readonly startDeadlineMs?: number;
}

/**
 * Decides with PostgreSQL's own grammar which SQL may pass to the database. It has two workers: one for short texts, which is never busy for long,
 * and one for the others.
 */
export class Guard {
  /** OIDs of the types that a parameter may be declared with: PostgreSQL's own. */
  readonly parameterTypes: ReadonlySet<number> = PARAMETER_TYPES;
  readonly #short: Lane;
  readonly #long: Lane;
  /** Sandboxes whose text overran, and until when their texts go to the worker for long ones. */
  readonly #slow = new Map<string, number>();
  #closed = false;

  private constructor(policy: GuardPolicy, options: GuardOptions) {
    const { deadlineMs = 2_000, shortDeadlineMs = 100, startDeadlineMs = 10_000 } = options;
    const shared = { policy, startDeadlineMs, deadlineMs };
    const contendedDeadlineMs = Math.min(shortDeadlineMs, deadlineMs);
    this.#short = new Lane({ ...shared, contendedDeadlineMs });
    this.#long = new Lane({ ...shared, contendedDeadlineMs: deadlineMs });
  }

  /**
   * Starts a guard and loads its grammar.
   *
   * @param policy What may be reached.
   * @param options Deadlines.
   * @returns The guard, ready.
   * @throws {OmcpError} `internal`, where the parser cannot be loaded.
   */
  static async start(policy: GuardPolicy, options: GuardOptions = {}): Promise<Guard> {
    const guard = new Guard(policy, options);
    try {
      // Both start now: a worker takes 30 MiB, and no client should be able to add that later.
      await Promise.all([guard.#short.start(), guard.#long.start()]);
    } catch (cause) {
      await guard.close();
      throw new OmcpError("internal", "Cannot load PostgreSQL's grammar", {
        next: "Allow the server to read its folder src/postgres/guard: --allow-read=…/src/postgres/guard.",
        cause,
      });
    }
    return guard;
  }

  /**
   * Decides about all statements of one text. Texts are planned one after the other, in turn for each owner.
   *
   * @param sql The text of a Query (`simple`) or a Parse (`extended`).
   * @param protocol Which of the two.
   * @param owner Whose text it is, such as a sandbox's id. @default "" (all texts are one owner's)
   * @returns A plan for each statement, in order; an empty list for an empty text. It never rejects: it refuses what fails.
   */
  async plan(sql: string, protocol: QueryProtocol, owner = ""): Promise<readonly StatementPlan[]> {
    const plans = await this.#inLane(sql, owner, (lane) => lane.plan(sql, protocol, owner));
    if (plans !== undefined) return plans;
    const message = this.#closed
      ? "the SQL could not be checked: the server is shutting down"
      : "the SQL could not be checked: it is too complex";
    const hint = "Send smaller statements";
    return [{ kind: "refuse", sqlstate: SQLSTATE.tooComplex, message, hint, normalized: null }];
  }

  /**
   * Outlines the statement of a text, in turn with the texts that are planned.
   *
   * @param sql The text.
   * @param owner Whose text it is.
   * @returns The outline; undefined for a text that is long, slow, several statements or none. It never rejects.
   */
  async outline(sql: string, owner: string): Promise<readonly SqlScope[] | undefined> {
    return await this.#inLane(sql, owner, (lane) => lane.outline(sql, owner)) ?? undefined;
  }

  /** Ends the workers; later texts are refused. */
  close(): Promise<void> {
    this.#closed = true;
    this.#short.close();
    this.#long.close();
    return Promise.resolve();
  }

  /** Asks the worker for short texts. Asks the other one if the text is long or overran, or if another text of its owner overran. */
  async #inLane<T>(
    sql: string,
    owner: string,
    ask: (lane: Lane) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    if (sql.length <= SHORT_CHARACTERS && !this.#isSlow(owner)) {
      const answer = await ask(this.#short);
      if (answer !== undefined) return answer;
      if (!this.#closed) this.#slow.set(owner, performance.now() + PENALTY_MS);
    }
    return await ask(this.#long);
  }

  #isSlow(owner: string): boolean {
    // Removed sandboxes leave their entries behind.
    if (this.#slow.size > MAX_SLOW) this.#slow.clear();
    const until = this.#slow.get(owner);
    if (until === undefined) return false;
    if (performance.now() < until) return true;
    this.#slow.delete(owner);
    return false;
  }
}
