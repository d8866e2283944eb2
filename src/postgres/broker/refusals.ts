import { clipped } from "../guard/text.ts";
import type { ServerError } from "../wire/server_error.ts";

/** What the client is told instead of what the server says about the statement that stood in. */
export interface Refusal {
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
  /** 1-based character of the client's text. */
  readonly position?: number;
}

const PREFIX = "omcp_refused_";
const NAME = new RegExp(`${PREFIX}[0-9a-f]{32}`);
/** More than can be on their way at once; a client that never reads its errors must not fill the memory. */
const MAX_PENDING = 2_500;
/** Characters of a message or hint: whatever a refusal quotes, it costs a few hundred bytes. */
const MAX_TEXT = 400;

/**
 * Refused statements on their way. In a refused one's place the server is sent a statement that cannot succeed, so that the
 * error, its place in the order of replies and what it does to the transaction are the server's own; the words are then ours.
 */
export class Refusals {
  readonly #pending = new Map<string, Refusal>();

  /**
   * Makes the statement that stands in.
   *
   * @param refusal What the client shall be told.
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
   * Takes the refusal that a server's error stands for.
   *
   * @param error What the server said.
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
