import type { CostBudget } from "./cost_budget.ts";
import type { PlannedStatement, StatementPlanner } from "./planner.ts";

/** What a {@link TextPlanner} works with. */
export interface TextPlannerOptions {
  readonly sandboxId: string;
  readonly planner: StatementPlanner;
  /** What statements may cost; undefined for no limit. */
  readonly costs: CostBudget | undefined;
  /** Snapshots that this sandbox has exported. */
  readonly snapshots: ReadonlySet<string>;
  /** Sends what came before: it must not wait for an estimate. */
  readonly flush: () => Promise<void>;
}

/** Decides about the texts of one connection: by the guard, by the snapshots of its sandbox, and by what they would cost. */
export class TextPlanner {
  readonly #options: TextPlannerOptions;
  #estimating: AbortController | undefined;

  /** @param options Whose texts they are, and what decides. */
  constructor(options: TextPlannerOptions) {
    this.#options = options;
  }

  /**
   * Decides about all statements of one text.
   *
   * @param sql The text of a Query, or of a Parse.
   * @param parameterTypes What a Parse declares its parameters with; undefined for a Query.
   * @returns A plan a statement, in order, up to the first that is refused.
   */
  async plan(sql: string, parameterTypes?: readonly number[]): Promise<readonly PlannedStatement[]> {
    const { planner, sandboxId } = this.#options;
    const plans: PlannedStatement[] = [];
    try {
      for (const plan of await planner.plan(sql, parameterTypes ? "extended" : "simple", sandboxId)) {
        const decided = await this.#checkCost(this.#checkSnapshot(plan), parameterTypes);
        plans.push(decided);
        if (decided.kind === "refuse") break;
      }
      return plans;
    } catch {
      return [refused(null, {
        sqlstate: "58000",
        message: "the statement could not be checked, and so may not run",
        hint: "Make it smaller or simpler, or try again.",
      })];
    }
  }

  /** Gives the estimate up that is being made: the statement is refused as cancelled. */
  cancel(): void {
    this.#estimating?.abort();
  }

  /** A snapshot is the business of the sandbox that exported it. */
  #checkSnapshot(plan: PlannedStatement): PlannedStatement {
    if (plan.kind === "refuse" || plan.command !== "import_snapshot") return plan;
    if (plan.argument !== undefined && this.#options.snapshots.has(plan.argument)) return plan;
    const message = "only a snapshot that this sandbox has exported may be used";
    return refused(plan.normalized, { sqlstate: "42501", message });
  }

  async #checkCost(
    plan: PlannedStatement,
    parameterTypes: readonly number[] | undefined,
  ): Promise<PlannedStatement> {
    const { costs, sandboxId, flush } = this.#options;
    if (plan.kind === "refuse" || plan.estimated === undefined || costs === undefined) return plan;
    await flush();
    const query = { sql: plan.estimated, parameterTypes, prepares: plan.command === "prepare" };
    const { signal } = this.#estimating = new AbortController();
    const refusal = await costs.refusal(query, sandboxId, signal);
    this.#estimating = undefined;
    if (signal.aborted) {
      const message = "canceling statement due to user request";
      return refused(plan.normalized, { sqlstate: "57014", message });
    }
    return refusal === undefined ? plan : refused(plan.normalized, refusal);
  }
}

function refused(
  normalized: string | null,
  refusal: { readonly sqlstate: string; readonly message: string; readonly hint?: string },
): PlannedStatement {
  return { kind: "refuse", ...refusal, normalized };
}
