import { clipped } from "./text.ts";
import { precheck } from "./precheck.ts";
import { classify } from "./statements.ts";
import { queryIn } from "./estimated.ts";
import { normalized } from "./normalize.ts";
import { GrammarError } from "./grammar.ts";
import { type ParsedStatement, parseStatements } from "./parser.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import type { DriverStatements } from "./driver_statements.ts";
import { rowEdits } from "./row_edits.ts";
import { charactersOf, edited, escapingEdits, qualifyingEdits, trimmed } from "./rewrite.ts";
import type { StatementPlan } from "./statement_plan.ts";
import type { GuardPolicy, QueryProtocol } from "./types.ts";

/** The most statements one text may hold. */
const MAX_STATEMENTS = 200;

/** No driver statement is longer; longer ones are not compared. */
const MAX_DRIVER_STATEMENT_BYTES = 512;

/** Characters of a syntax error's message. */
const MAX_MESSAGE = 200;

/** What SQL Server has in place of LIMIT. */
const TOP = /\bselect\s+(?:distinct\s+)?top\b/i;

/** Hints for texts that the guard cannot rewrite so that the result passes, too. */
const QUALIFIED_CALLS = "Write pg_catalog. before function names";
const PLAIN_CATALOGS =
  "Name catalogs plainly, as in FROM pg_catalog.pg_class AS c: the guard puts a subquery in their place";

/** What {@link planText} works with. */
export interface PlanContext {
  readonly policy: GuardPolicy;
  readonly drivers: DriverStatements;
}

/**
 * Decides about all statements of one text.
 *
 * @param sql The text of a Query (`simple`) or a Parse (`extended`).
 * @param protocol Which of the two.
 * @param context The policy and the statements of drivers.
 * @returns A plan for each statement, in order; an empty list for an empty text; one refusal for a text that PostgreSQL cannot parse.
 * @throws {Error} Where the parser itself fails, after which it must not be used again.
 */
export function planText(
  sql: string,
  protocol: QueryProtocol,
  context: PlanContext,
): readonly StatementPlan[] {
  const refused = precheck(sql);
  if (refused !== undefined) return [refused];
  const text = new TextEncoder().encode(sql);
  let statements: readonly ParsedStatement[];
  try {
    statements = parseStatements(sql);
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    const { position } = error;
    // PostgreSQL repeats what it could not read, such as a literal without an end.
    const message = clipped(error.message, MAX_MESSAGE);
    return [{
      kind: "refuse",
      sqlstate: SQLSTATE.syntaxError,
      message,
      ...(TOP.test(sql) ? { hint: "Write LIMIT 10 at the end of the query in place of TOP 10" } : {}),
      position,
      normalized: normalized(sql),
    }];
  }
  if (protocol === "extended" && statements.length > 1) {
    const message = "cannot insert multiple commands into a prepared statement";
    const hint = "Send the statements one by one";
    return [{ kind: "refuse", sqlstate: SQLSTATE.syntaxError, message, hint, normalized: normalized(sql) }];
  }
  if (statements.length > MAX_STATEMENTS) {
    const message =
      `the SQL text has ${statements.length} statements, and at most ${MAX_STATEMENTS} are allowed`;
    const hint = "Send them in several texts";
    return [{ kind: "refuse", sqlstate: SQLSTATE.limitExceeded, message, hint, normalized: normalized(sql) }];
  }
  let [counted, before] = [0, 0];
  return statements.map(({ tree, start, end }) => {
    const { start: from, end: to } = trimmed(text, { start, end });
    before += charactersOf(text, { start: counted, end: from });
    counted = from;
    return planStatement({ whole: sql, text }, { tree, start: from, end: to, before }, context);
  });
}

interface ClientText {
  readonly whole: string;
  /** The whole text in UTF-8. */
  readonly text: Uint8Array;
}

/** A statement without the white space at its ends, and how many characters are before it. */
interface PlacedStatement extends ParsedStatement {
  readonly before: number;
}

const NOT_FOUND = "the query whose cost is to be estimated cannot be found in the statement";
const PLAINLY = "Write it plainly: EXPLAIN ANALYZE SELECT …, PREPARE name AS SELECT … with a plain name";

function planStatement(
  { whole, text }: ClientText,
  statement: PlacedStatement,
  context: PlanContext,
): StatementPlan {
  const { tree, start, end } = statement;
  const original = edited(text, statement, []);
  try {
    const known = end - start <= MAX_DRIVER_STATEMENT_BYTES
      ? context.drivers.find(tree, context.policy)
      : undefined;
    const decision = known ?? classify(tree, context.policy);
    const { command, argument, calls = [], rows = [], sql: written, changesSettings, executes } = decision;
    const { sql, places } = written === undefined
      ? edited(text, statement, [
        ...rowEdits(text, statement, rows),
        ...qualifyingEdits(calls),
        ...escapingEdits(text, statement),
      ])
      : { sql: written, places: original.places };
    if (known === undefined && sql !== whole) {
      verify(sql, command, { ...context, hint: rows.length > 0 ? PLAIN_CATALOGS : QUALIFIED_CALLS });
    }
    const estimated = decision.estimated === true ? queryIn(sql, tree) : undefined;
    if (decision.estimated === true && estimated === undefined) throw new Refusal(NOT_FOUND, PLAINLY);
    return {
      kind: "forward",
      sql,
      command,
      places: [...places],
      normalized: normalized(original.sql) ?? command,
      ...(sql === original.sql ? {} : { source: original.sql }),
      ...(argument === undefined ? {} : { argument }),
      ...(changesSettings === true ? { changesSettings } : {}),
      ...(executes === undefined ? {} : { executes }),
      ...(estimated === undefined ? {} : { estimated }),
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { message, sqlstate, hint } = error;
    const source = original.sql;
    return { kind: "refuse", sqlstate, message, hint, normalized: normalized(source), source };
  }
}

/** Classifies the text to send as if the client had sent it: it must be one statement of the same kind, with nothing to add. */
function verify(sql: string, command: string, context: PlanContext & { readonly hint: string }): void {
  const unsure = new Refusal("the guard cannot write this statement safely", context.hint);
  let statements: readonly ParsedStatement[];
  try {
    statements = parseStatements(sql);
  } catch (error) {
    if (error instanceof GrammarError) throw unsure;
    throw error;
  }
  const [only, ...others] = statements;
  if (only === undefined || others.length > 0) throw unsure;
  const again = classify(only.tree, context.policy);
  const left = (again.calls ?? []).length + (again.rows ?? []).length;
  if (again.command !== command || left > 0) throw unsure;
}
