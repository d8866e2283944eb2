/** Rules that several kinds of statements share. */
import type { Fields } from "./ast.ts";
import type { PendingCall } from "./calls.ts";
import { SelectChecker } from "./checker.ts";
import type { PendingRows } from "./row_edits.ts";
import { Refusal } from "./refusal.ts";
import type { ForwardCommand } from "./statement_plan.ts";
import type { GuardPolicy } from "./types.ts";

/** What may be sent for a statement. */
export interface Decision {
  readonly command: ForwardCommand;
  /** The text to send instead of the client's own. */
  readonly sql?: string;
  /** Function calls whose schema the guard writes into the client's text. */
  readonly calls?: readonly PendingCall[];
  /** Mentions of catalogs, which the guard rewrites to show the sandbox's rows only. */
  readonly rows?: readonly PendingRows[];
  readonly argument?: string;
  /** Set if it may change settings. */
  readonly changesSettings?: true;
  /** Set if it runs a query whose cost is estimated first. */
  readonly estimated?: true;
  /** The prepared statement that it runs, and whose effects it has. */
  readonly executes?: string;
}

/**
 * Checks what must be a SELECT.
 *
 * @param select A wrapped node.
 * @param policy What may be reached.
 * @returns What the checker found.
 * @throws {Refusal} It is not allowed.
 */
export function checkedSelect(
  select: unknown,
  policy: GuardPolicy,
): Pick<Decision, "calls" | "rows" | "changesSettings" | "estimated"> {
  const checker = new SelectChecker(policy);
  checker.checkSelect(select);
  return checker.found;
}

/**
 * Refuses fields that are not known: a later grammar may give them a meaning.
 *
 * @param what What has them.
 * @param fields The fields.
 * @param known Those that may be there.
 * @throws {Refusal} There are others.
 */
export function onlyFields(what: string, fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue;
    throw new Refusal(`${what} with "${name}" is not allowed in a sandbox's SQL`, `Leave "${name}" out`);
  }
}
