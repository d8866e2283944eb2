import { ProtocolError } from "./protocol_error.ts";

/** How many events may be whole while an earlier one is not: what an agent may have unacknowledged. */
const MAX_AHEAD = 4096;

/**
 * Which events have come, by their numbers. An event in parts may be overtaken by later ones; each begins in order.
 */
export class ReceiveWindow {
  /** The highest number that has begun; undefined before the first. */
  #begun: number | undefined;
  #acknowledged: number;
  readonly #ahead = new Set<number>();

  /** @param after The highest number received in full before this attach, where that is known. */
  constructor(after?: number) {
    this.#begun = after;
    this.#acknowledged = after ?? 0;
  }

  /** The highest number up to which all have come in full; 0 where none has. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /**
   * Notes that a part of an event came.
   *
   * @param seq The event's number.
   * @throws {ProtocolError} `bad_seq`: an event before it was left out.
   */
  begin(seq: number): void {
    if (this.#begun === undefined) this.#acknowledged = seq - 1;
    else if (seq > this.#begun + 1) {
      throw new ProtocolError(
        "bad_seq",
        `Cannot take event: ${this.#begun + 1} must come first: received ${seq}`,
      );
    }
    this.#begun = Math.max(this.#begun ?? 0, seq);
  }

  /**
   * Notes that an event is whole.
   *
   * @param seq The event's number.
   * @returns False if it had come before: then it is to be dropped.
   * @throws {ProtocolError} `bad_seq`: too many have overtaken one that does not end.
   */
  complete(seq: number): boolean {
    if (seq <= this.#acknowledged || this.#ahead.has(seq)) return false;
    this.#ahead.add(seq);
    while (this.#ahead.delete(this.#acknowledged + 1)) this.#acknowledged += 1;
    if (this.#ahead.size > MAX_AHEAD) {
      throw new ProtocolError(
        "bad_seq",
        `Cannot take event: ${MAX_AHEAD} have overtaken ${this.#acknowledged + 1}`,
      );
    }
    return true;
  }
}
