import * as z from "zod";
import { errorMessage } from "../../lib/error_message.ts";
import { logger } from "../../observability/log.ts";
import { ESTIMATED_NAME } from "../guard/estimated_name.ts";
import {
  ask,
  prepare,
  ServerRefusal,
  type SessionSettings,
  unprepare,
  type Upstream,
  type UpstreamSession,
} from "../upstream/mod.ts";
import { OwnSessions } from "./own_sessions.ts";
import type { Refusal } from "./refusals.ts";

const log = logger("postgres");

/** What a {@link CostBudget} works with. */
export interface CostBudgetOptions {
  readonly upstream: Upstream;
  /** Settings of the clients' sessions; the broker's own sessions add more. */
  readonly settings: SessionSettings;
  /** The most that a statement may cost, in the planner's units. */
  readonly maxCost: number;
}

/** A query to estimate. */
export interface CostedQuery {
  readonly sql: string;
  /** OIDs of the types that its parameters were declared with; undefined in the simple protocol, which has no parameters. */
  readonly parameterTypes: readonly number[] | undefined;
  /** Whether it is a PREPARE under the name of {@link ESTIMATED_NAME}. @default false */
  readonly prepares?: boolean;
}

/** The server's answer for a query: its cost, or its error. */
type Estimate = { readonly cost: number } | { readonly sqlstate: string; readonly message: string };

/** Sessions for estimates, besides the clients'. */
const MOST_SESSIONS = 4;
const IDLE_MS = 30_000;
/** Limits of planning: the server ends it after the first, the broker cancels it after the second. */
const PLANNING_MS = 1_000;
const DEADLINE_MS = 5_000;
/** How long a statement waits for its estimate, including the wait for earlier ones. */
const WAIT_MS = 30_000;
const CANCELED = "57014";
/** Class 42, syntax errors and names: no setting of a client changes these. */
const WRONG_IN_ITSELF = /^42/;
const WRONG_DATE: ReadonlySet<string> = new Set(["22007", "22008"]);
/** A date that is wrong in the default order of day, month and year may be right in the one that the client has chosen. */
const DATE_STYLES = ["ISO, MDY", "ISO, DMY", "ISO, YMD"];
const STATEMENT = ESTIMATED_NAME;

const PLAN = z.tuple([z.object({ Plan: z.object({ "Total Cost": z.number() }) })]);
const PLAN_ROWS = z.tuple([z.tuple([z.string()])]).rest(z.unknown());

/**
 * Refuses queries that cost too much by the planner's estimate. The broker asks on sessions of its own, so the client's session,
 * transaction and pipeline stay untouched, and no setting of the client makes a query look cheaper.
 */
export class CostBudget {
  readonly #maxCost: number;
  readonly #sessions: OwnSessions;
  /** What each session has: setting it again would cost a round trip. */
  readonly #dateStyles = new WeakMap<UpstreamSession, string>();

  /** @param options The server and the limit. */
  constructor({ upstream, settings, maxCost }: CostBudgetOptions) {
    this.#maxCost = maxCost;
    const own = {
      ...settings,
      statement_timeout: String(PLANNING_MS),
      // Parameters have no values yet.
      plan_cache_mode: "force_generic_plan",
    };
    this.#sessions = new OwnSessions({
      connect: (signal) => upstream.connect(own, signal),
      most: MOST_SESSIONS,
      idleMs: IDLE_MS,
      cancel: (session) => upstream.cancel(session),
      taskMs: DEADLINE_MS,
    });
  }

  /**
   * Estimates a query's cost.
   *
   * @param query The query.
   * @param owner The sandbox whose query it is.
   * @param signal Ends the estimate.
   * @returns Why it may not run. Undefined if it may run, or if the statement itself is wrong: the server then reports that. A query whose
   * estimate fails for another reason does not run either: with the client's settings it could succeed, at any cost.
   */
  async refusal(query: CostedQuery, owner: string, signal: AbortSignal): Promise<Refusal | undefined> {
    let estimate: Estimate | undefined;
    try {
      for (const dateStyle of DATE_STYLES) {
        estimate = await this.#estimate(query, { owner, signal, dateStyle });
        if ("cost" in estimate || !WRONG_DATE.has(estimate.sqlstate)) break;
      }
    } catch (error) {
      if (!signal.aborted) {
        log.warning("Cannot estimate the cost of a statement, which is refused: {error}", {
          error: errorMessage(error),
        });
      }
    }
    if (signal.aborted) return undefined;
    if (estimate === undefined) return notEstimated();
    if ("sqlstate" in estimate) {
      if (estimate.sqlstate === CANCELED) return tooLong();
      return WRONG_IN_ITSELF.test(estimate.sqlstate) ? undefined : failed(estimate);
    }
    return estimate.cost > this.#maxCost ? tooCostly(estimate.cost, this.#maxCost) : undefined;
  }

  /** Closes the sessions. */
  close(): void {
    this.#sessions.close();
  }

  #estimate(
    query: CostedQuery,
    how: { readonly owner: string; readonly signal: AbortSignal; readonly dateStyle: string },
  ): Promise<Estimate> {
    const { owner, dateStyle } = how;
    return this.#sessions.run(owner, async (session, closing) => {
      try {
        if (this.#dateStyles.get(session) !== dateStyle) {
          await ask(session, `SET datestyle = '${dateStyle}'`, closing);
          this.#dateStyles.set(session, dateStyle);
        }
        return { cost: await costOf(session, query, closing) };
      } catch (error) {
        if (!(error instanceof ServerRefusal)) throw error;
        return error.server;
      }
    }, AbortSignal.any([how.signal, AbortSignal.timeout(WAIT_MS)]));
  }
}

async function costOf(session: UpstreamSession, query: CostedQuery, signal: AbortSignal): Promise<number> {
  const explain = "EXPLAIN (FORMAT JSON, COSTS)";
  // Every parameter has a dollar sign: without one, the estimate takes one round trip, not two.
  const hasParameters = query.parameterTypes !== undefined && query.sql.includes("$");
  if (!hasParameters && query.prepares !== true) {
    return totalCost(await ask(session, `${explain} ${query.sql}`, signal));
  }
  const parameters = await prepared(session, query, signal);
  const values = parameters === 0 ? "" : `(${Array(parameters).fill("NULL").join(", ")})`;
  return totalCost(await ask(session, `${explain} EXECUTE ${STATEMENT}${values}`, signal));
}

/** Prepares it under the name, until the next one is. Returns how many parameters it has. */
async function prepared(session: UpstreamSession, query: CostedQuery, signal: AbortSignal): Promise<number> {
  if (query.prepares !== true) {
    const { sql, parameterTypes = [] } = query;
    return await prepare(session, { name: STATEMENT, sql, parameterTypes }, signal);
  }
  await unprepare(session, STATEMENT, signal);
  await ask(session, query.sql, signal);
  const count =
    `SELECT pg_catalog.cardinality(parameter_types) FROM pg_catalog.pg_prepared_statements WHERE name = '${STATEMENT}'`;
  return Number((await ask(session, count, signal))[0]?.[0]);
}

function totalCost(rows: unknown): number {
  const [[text]] = PLAN_ROWS.parse(rows);
  return PLAN.parse(JSON.parse(text))[0].Plan["Total Cost"];
}

const HINT =
  "Join on a condition, filter or aggregate before joining, or split the statement; EXPLAIN shows its plan. " +
  "The server's OMCP_MAX_COST is the limit";

function tooCostly(cost: number, limit: number): Refusal {
  return {
    sqlstate: "53400",
    message: `the planner estimates the statement's cost at ${written(cost)}, and at most ${
      written(limit)
    } are allowed: it was not run`,
    hint: HINT,
  };
}

/** The refusal if the plan is too large, or the database gives no connection for the estimate. */
function notEstimated(): Refusal {
  return {
    sqlstate: "53400",
    message: "the statement's cost could not be estimated: it was not run",
    hint:
      "Try again; if that does not help, make the statement shorter. A sandbox has one estimate at a time: this one may have waited for another",
  };
}

function failed({ sqlstate, message }: { readonly sqlstate: string; readonly message: string }): Refusal {
  return {
    sqlstate,
    message,
    hint: "This came up when the statement's cost was estimated, before it ran",
  };
}

function tooLong(): Refusal {
  return {
    sqlstate: "53400",
    message: `the planner did not find a plan for the statement within ${PLANNING_MS} ms: it was not run`,
    hint: "Join fewer relations, or split the statement",
  };
}

function written(cost: number): string {
  return cost < 1e15 ? Math.round(cost).toLocaleString("en-US") : cost.toExponential(2);
}
