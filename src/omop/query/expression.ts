/** The notation of a query's columns: `year_of_birth`, `visit.visit_concept_id`, `age_at(condition_start_date) as age`. */
import { OmcpError } from "../../errors.ts";

/** What a column's text says. Names are not checked yet. */
export type Expression =
  | { readonly kind: "column"; readonly path: string }
  /** A number as written: digits, perhaps with a sign and a fraction. */
  | { readonly kind: "number"; readonly text: string }
  /** YYYY-MM-DD. */
  | { readonly kind: "date"; readonly text: string }
  | { readonly kind: "call"; readonly fn: string; readonly args: readonly Expression[] };

/** A column as written. */
export interface WrittenColumn {
  readonly expression: Expression;
  /** The text without that name. */
  readonly text: string;
  /** The name that it has in the result, if the text gives one. */
  readonly as?: string;
}

/** Deepest nesting: `band(age_at(visit.visit_start_date), 0, 65)` has two calls in each other. */
const MAX_DEPTH = 4;
const ALIAS = /^(.+?)\s+as\s+([a-z_][a-z0-9_]{0,62})$/s;
/** A name was meant: no column's own name has this word. */
const NAMED = /\sas(?:\s|$)/;
const TOKEN = /\s*(?:'?(\d{4}-\d{2}-\d{2})'?|([+-]?\d{1,15}(?:\.\d{1,15})?)|([a-z_][a-z0-9_.]*)|([(),]))\s*/y;

/**
 * Reads a column.
 *
 * @param text In lower case. Without parentheses, all of it is a name, whatever its characters.
 * @returns What it says.
 * @throws {OmcpError} `invalid_argument` for a call or a name that cannot be read.
 */
export function readColumn(text: string): WrittenColumn {
  const [, before, as] = ALIAS.exec(text.trim()) ?? [];
  const body = before ?? text.trim();
  if (NAMED.test(body)) throw unreadableName(body);
  const expression: Expression = body.includes("(")
    ? new Reader(body).read()
    : { kind: "column", path: body };
  return as === undefined ? { expression, text: body } : { expression, text: body, as };
}

function unreadableName(text: string): OmcpError {
  return new OmcpError("invalid_argument", `Cannot read the name after as in ${JSON.stringify(text)}`, {
    next: "Write one name of letters, digits and _, at most 63, such as year(condition_start_date) as year.",
  });
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Expression {
    const expression = this.#expression(0);
    if (this.#at < this.#text.length) throw this.#unreadable();
    return expression;
  }

  #expression(depth: number): Expression {
    if (depth > MAX_DEPTH) throw this.#unreadable();
    const [, date, number, name] = this.#next();
    if (date !== undefined) return { kind: "date", text: date };
    if (number !== undefined) return { kind: "number", text: number };
    if (name === undefined) throw this.#unreadable();
    if (this.#text[this.#at] !== "(") return { kind: "column", path: name };
    this.#next();
    const args: Expression[] = [];
    while (true) {
      args.push(this.#expression(depth + 1));
      const mark = this.#next()[4];
      if (mark === ")") return { kind: "call", fn: name, args };
      if (mark !== ",") throw this.#unreadable();
    }
  }

  #next(): RegExpExecArray {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    if (found === null) throw this.#unreadable();
    this.#at = TOKEN.lastIndex;
    return found;
  }

  #unreadable(): OmcpError {
    return new OmcpError("invalid_argument", `Cannot read ${JSON.stringify(this.#text)}`, {
      next: "Write a column, or a function of columns, such as year(condition_start_date), " +
        "age_at(condition_start_date) as age or days_between(visit_start_date, visit_end_date).",
    });
  }
}
