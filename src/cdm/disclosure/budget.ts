/** How many numbers a caller may learn: rule R8 of the disclosure rules. */
import { OmcpError } from "../../errors.ts";
import type { Steps } from "../../lib/async/in_slices.ts";
import type { Counted } from "./decision.ts";
import type { Ledger } from "./ledger.ts";
import { NOT_RELEASED } from "./not_released.ts";
import type { DisclosureRules } from "./rules.ts";

/**
 * Checks, before anything is decided about a table, that the caller may learn all of it.
 *
 * @param statistics Its numbers that rest on enough persons: the most that the table can need.
 * @param ledger The caller's earlier answers.
 * @throws {OmcpError} `capacity`.
 */
export function* requireBudget(statistics: readonly Counted[], ledger: Ledger): Steps<void> {
  if (ledger.isFull) {
    throw tooManyNumbers("Too many questions about nearly the same persons as before were asked");
  }
  let needed = 0;
  for (const statistic of statistics) {
    if (!ledger.isFree(statistic)) needed += 1;
    yield;
  }
  if (needed <= ledger.remaining) return;
  throw tooManyNumbers(
    `The table needs more new numbers than the ${ledger.remaining} that may still be released`,
  );
}

/**
 * Checks before its sketches are read that a table is not larger than any budget: each number takes 10 KiB.
 *
 * @param numbers How many numbers of at least 2k − 1 persons it has.
 * @param rules The rules in force.
 * @throws {OmcpError} `capacity`.
 */
export function requireFits(numbers: number, { budget }: DisclosureRules): void {
  if (numbers <= budget) return;
  throw tooManyNumbers(`The table has more numbers than the ${budget} that may ever be released to a caller`);
}

function tooManyNumbers(message: string): OmcpError {
  return new OmcpError("capacity", message, {
    // The budget is never renewed.
    retryable: false,
    state: NOT_RELEASED,
    next:
      "Ask for fewer groups or statistics, or repeat an earlier query: numbers that were released once stay free.",
  });
}
