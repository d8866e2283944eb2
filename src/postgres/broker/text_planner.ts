import { type Auditing, type ForwardedStatement, sourceOf, UNAUDITED } from "./audit.ts";
import type { CostBudget } from "./cost_budget.ts";
import type { StatementPlan } from "../guard/mod.ts";
import type { StatementPlanner } from "./planner.ts";

/** What a {@link TextPlanner} works with. */
export interface TextPlannerOptions {
  readonly sandboxId: string;
  readonly planner: StatementPlanner;
  readonly auditing: Auditing;
  /** The most that statements may cost; undefined for no limit. */
  readonly costs: CostBudget | undefined;
  /** Snapshots that this sandbox has exported. */
  readonly snapshots: ReadonlySet<string>;
  /** Sends the messages before the text, which must not wait for an estimate. */
  readonly flush: () => Promise<void>;
}

/** Decides about the texts of one connection: by the guard, by the snapshots of its sandbox, and by what they would cost. */
export class TextPlanner {
  readonly #options: TextPlannerOptions;
  /** Set while a text is decided about. */
  #deciding: AbortController | undefined;

  /** @param options Whose texts they are, and what decides. */
  constructor(options: TextPlannerOptions) {
    this.#options = options;
  }

  /**
   * Decides about all statements of one text.
   *
   * @param sql The text of a Query, or of a Parse.
   * @param parameterTypes What a Parse declares its parameters with; undefined for a Query.
   * @returns A plan for each statement, in order, up to the first refusal.
   */
  async plan(sql: string, parameterTypes?: readonly number[]): Promise<readonly StatementPlan[]> {
    const { planner, sandboxId, auditing } = this.#options;
    if (!auditing.ready()) return [refused(null, sql, UNAUDITED)];
    const plans: StatementPlan[] = [];
    const { signal } = this.#deciding = new AbortController();
    try {
      for (const plan of await planner.plan(sql, parameterTypes ? "extended" : "simple", sandboxId)) {
        const decided = await this.#checkCost(this.#checkSnapshot(plan), parameterTypes, signal);
        plans.push(decided);
        if (decided.kind === "refuse") break;
      }
      return plans;
    } catch {
      return [refused(null, sql, {
        sqlstate: "58000",
        message: "the statement could not be checked: it was not run",
        hint: "Make it smaller or simpler, or try again.",
      })];
    } finally {
      this.#deciding = undefined;
    }
  }

  /** Refuses the text in hand as cancelled: a cancel at the server would not reach it yet. */
  cancel(): void {
    this.#deciding?.abort();
  }

  /** Only the sandbox that exported a snapshot may import it. */
  #checkSnapshot(plan: StatementPlan): StatementPlan {
    if (plan.kind === "refuse" || plan.command !== "import_snapshot") return plan;
    if (plan.argument !== undefined && this.#options.snapshots.has(plan.argument)) return plan;
    const message = "only a snapshot that this sandbox has exported may be used";
    return refused(plan.normalized, sourceOf(plan), { sqlstate: "42501", message });
  }

  async #checkCost(
    plan: StatementPlan,
    parameterTypes: readonly number[] | undefined,
    signal: AbortSignal,
  ): Promise<StatementPlan> {
    const { costs, sandboxId, flush } = this.#options;
    if (plan.kind === "forward" && signal.aborted) return cancelled(plan);
    if (plan.kind === "refuse" || plan.estimated === undefined || costs === undefined) return plan;
    await flush();
    const query = { sql: plan.estimated, parameterTypes, prepares: plan.command === "prepare" };
    const refusal = await costs.refusal(query, sandboxId, signal);
    if (signal.aborted) return cancelled(plan);
    return refusal === undefined ? plan : refused(plan.normalized, sourceOf(plan), refusal);
  }
}

function cancelled(plan: ForwardedStatement): StatementPlan {
  return refused(plan.normalized, sourceOf(plan), {
    sqlstate: "57014",
    message: "canceling statement due to user request",
  });
}

function refused(
  normalized: string | null,
  source: string,
  refusal: { readonly sqlstate: string; readonly message: string; readonly hint?: string },
): StatementPlan {
  return { kind: "refuse", ...refusal, normalized, source };
}
