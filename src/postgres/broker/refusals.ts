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

const PREFIX = "omcp_refused_";
const NAME = new RegExp(`${PREFIX}[0-9a-f]{32}`);
/**
 * More than can be on their way at once: the relay stops reading at 100 outstanding answers. The server passes over what follows an
 * error in a pipeline, so refusals there are never taken.
 */
const MAX_PENDING = 600;
/** The most characters of a message or hint, so that a refusal takes a few hundred bytes. */
const MAX_TEXT = 400;

/**
 * Refused statements on their way. In place of a refused statement the broker sends a substitute that cannot succeed. So the server
 * itself makes the error, its place among the answers and its effect on the transaction; only the words are the guard's.
 */
export class Refusals {
  readonly #pending = new Map<string, Refusal>();

  /**
   * Makes the substitute statement.
   *
   * @param refusal The error for the client.
   * @returns SQL that fails with an unguessable name in its error.
   */
  substitute(refusal: Refusal): string {
    const [oldest] = this.#pending.keys();
    if (this.#pending.size >= MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const name = PREFIX + bytes.toHex();
    const { sqlstate, message, hint, position } = refusal;
    this.#pending.set(name, {
      sqlstate,
      message: clipped(message, MAX_TEXT),
      ...(hint === undefined ? {} : { hint: clipped(hint, MAX_TEXT) }),
      ...(position === undefined ? {} : { position }),
    });
    return `SELECT "${name}"`;
  }

  /**
   * Takes the refusal whose substitute statement caused an error.
   *
   * @param error The server's error.
   * @returns The refusal, once; undefined if the error is the server's own.
   */
  take(error: ServerError): Refusal | undefined {
    const name = NAME.exec(error.message)?.[0];
    if (name === undefined) return undefined;
    const refusal = this.#pending.get(name);
    this.#pending.delete(name);
    return refusal;
  }
}
