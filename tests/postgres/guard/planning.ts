import assert from "node:assert/strict";
import { loadGrammar } from "../../../src/postgres/guard/grammar.ts";
import { type PlanContext, planText } from "../../../src/postgres/guard/plan.ts";
import { ReviewedStatements } from "../../../src/postgres/guard/reviewed.ts";
import type { GuardPolicy, QueryProtocol, StatementPlan } from "../../../src/postgres/guard/types.ts";

await loadGrammar();
const reviewed = new ReviewedStatements();

/** A policy like that of a real CDM. */
export const POLICY: GuardPolicy = {
  cdmSchema: "cdm",
  relations: new Set(["person", "concept", "condition_occurrence", "measurement"]),
};

/** Plans a text in this thread. */
export function plansOf(
  sql: string,
  protocol: QueryProtocol = "simple",
  policy: GuardPolicy = POLICY,
): readonly StatementPlan[] {
  const context: PlanContext = { policy, reviewed };
  return planText(sql, protocol, context);
}

/** Plans a text of one statement. */
export function planOf(
  sql: string,
  protocol: QueryProtocol = "simple",
  policy: GuardPolicy = POLICY,
): StatementPlan {
  const [plan, ...others] = plansOf(sql, protocol, policy);
  assert(plan !== undefined, `no plan for ${sql}`);
  assert.equal(others.length, 0, `more than one plan for ${sql}`);
  return plan;
}

/** The SQL that is sent for a text of one statement; fails where it is refused. */
export function sentFor(sql: string, policy: GuardPolicy = POLICY): string {
  const plan = planOf(sql, "simple", policy);
  assert(plan.kind === "forward", `refused: ${sql}: ${plan.kind === "refuse" ? plan.message : ""}`);
  return plan.sql;
}

/** The refusal of a text of one statement; fails where it is forwarded. */
export function refusalOf(sql: string, policy: GuardPolicy = POLICY): StatementPlan & { kind: "refuse" } {
  const plan = planOf(sql, "simple", policy);
  assert(plan.kind === "refuse", `forwarded: ${sql}`);
  return plan;
}
