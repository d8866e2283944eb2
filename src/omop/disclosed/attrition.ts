/** A cohort's attrition where rows must not leave the database. */
import { OmcpError } from "../../errors.ts";
import { type CohortExpression, cohortSteps, eventsOf } from "../cohorts/mod.ts";
import { statement } from "../sql_compiler.ts";
import { requireCoarse } from "./columns.ts";
import { cellsOf, type DisclosedOptions } from "./cells_sql.ts";
import type { CompiledDisclosedQuery, DisclosedGroup } from "./compile.ts";

/** A compiled attrition: a table with a group for each step. */
export interface DisclosedAttrition extends CompiledDisclosedQuery {
  /** What each step keeps. */
  readonly labels: readonly string[];
}

/**
 * Compiles a cohort's attrition: persons left after each step.
 *
 * @param expression The definition.
 * @param options See {@link DisclosedOptions}.
 * @throws {OmcpError} `disclosure_not_allowed` for a definition that is finer than rule R6 allows.
 */
export function compileAttrition(
  expression: CohortExpression,
  options: DisclosedOptions,
): DisclosedAttrition {
  requireDisclosable(expression);
  const { rows, labels } = cohortSteps(expression, options.schema);
  const groups: readonly DisclosedGroup[] = [{ name: "step", use: "number" }];
  return {
    statement: statement(cellsOf(rows, groups, [], options)),
    groups,
    values: [],
    outputs: [],
    labels,
  };
}

/** Rule R6: dates by months, ages by five years, and no union, whose parts the attrition does not count. */
function requireDisclosable(expression: CohortExpression): void {
  if (expression.entry.length > 1) {
    throw new OmcpError("disclosure_not_allowed", "Cannot define a cohort with several entry events", {
      next:
        "Put the concepts of one table into one concept set, or define a cohort for each event. This mode has no unions over tables.",
    });
  }
  for (const { table, dates } of eventsOf(expression)) {
    requireCoarse(`the dates of ${table}`, { kind: "date", from: dates.from, to: dates.to });
  }
  for (const rule of expression.rules) {
    if (rule.kind === "group") {
      throw new OmcpError("disclosure_not_allowed", "Cannot define a cohort with any_of, all_of or of", {
        next:
          "Conditions that must all hold go into with and without. This mode has no unions of events; for a union of conditions on one row, use query_omop with or in filters.",
      });
    }
    if (rule.kind === "age") requireCoarse("the age", { kind: "age", from: rule.min, to: rule.max });
  }
}
