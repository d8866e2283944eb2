import type { Steps } from "../../lib/async/in_slices.ts";
import { type CellValue, restsOnFew } from "./cell_value.ts";
import { asMultiples } from "./few_values.ts";
import { type Counted, type Decision, WITHHELD } from "./decision.ts";
import { type Ledger } from "./ledger.ts";
import type { DisclosureRules } from "./rules.ts";

/**
 * Decides about a statistic of a cell that may have its own numbers. The ledger decides, with two exceptions: sums that would show which of few
 * values few persons have, and squares that few persons dominate.
 *
 * @param statistic A number of persons, or one of the cell's values.
 * @param cell The cell.
 * @param ledger The caller's earlier answers.
 * @param rules The rules in force.
 * @returns The decision, which holds from now on. It yields often.
 */
export function* decideOwn(
  statistic: Counted | CellValue,
  cell: { readonly values: readonly CellValue[] },
  ledger: Ledger,
  rules: DisclosureRules,
): Steps<Decision> {
  if (!("contributors" in statistic)) return yield* ledger.decide(statistic);
  const isSquares = statistic.kind === "squares";
  if (isSquares && restsOnFew(statistic, rules)) return ledger.settle(statistic, WITHHELD);
  if (ledger.decided(statistic) !== undefined) return yield* ledger.decide(statistic);
  const others = isSquares ? cell.values.filter(({ kind }) => kind !== "squares") : [];
  const multiples = asMultiples<Counted | CellValue>(statistic, statistic.contributors, others, rules.k);
  if (multiples === undefined) {
    const isOfValues = isSquares || statistic.kind === "sum";
    return yield* ledger.decide(statistic, isOfValues ? statistic.contributors : undefined);
  }
  let answer = 0;
  for (const { times, of } of multiples) {
    // A margin's values are decided one after the other: a sum that comes later may itself be a multiple of its contributors.
    const part = yield* decideOwn(of, cell, ledger, rules);
    if (part.kind === "withheld") return ledger.settle(statistic, WITHHELD);
    answer += times * part.answer;
  }
  return ledger.settle(statistic, { kind: "answer", answer, derived: true });
}
