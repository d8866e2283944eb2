import { clipped } from "../guard/text.ts";
import type { ServerError } from "../wire/server_error.ts";

/** The error that the client gets in place of the server's error about the substitute statement. */
export interface Refusal {
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
  /** 1-based character of the client's text. */
  readonly position?: number;
}

/**
 * What the broker sends in place of a refused statement, which cannot succeed. So the server itself makes the error, its place among
 * the answers and its effect on the transaction; only the words are the guard's.
 */
export interface Substitute {
  /** The unguessable name that the server's error has. */
  readonly name: string;
  readonly sql: string;
  readonly refusal: Refusal;
}

/** The most characters of a message or hint, so that a refusal takes a few hundred bytes. */
const MAX_TEXT = 400;

/**
 * Makes the substitute of a statement.
 *
 * @param refusal The error for the client.
 * @returns SQL that fails with an unguessable name in its error.
 */
export function substituteFor({ sqlstate, message, hint, position }: Refusal): Substitute {
  const name = `omcp_refused_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
  const refusal = {
    sqlstate,
    message: clipped(message, MAX_TEXT),
    ...(hint === undefined ? {} : { hint: clipped(hint, MAX_TEXT) }),
    ...(position === undefined ? {} : { position }),
  };
  return { name, sql: `SELECT "${name}"`, refusal };
}

/**
 * Finds the refusal that an error of the server is about.
 *
 * @param substitute The substitute that answers now, if there is one.
 * @param error The server's error.
 * @returns The refusal; undefined if the error is the server's own.
 */
export function refusalBehind(substitute: Substitute | undefined, error: ServerError): Refusal | undefined {
  return substitute !== undefined && error.message.includes(substitute.name) ? substitute.refusal : undefined;
}
