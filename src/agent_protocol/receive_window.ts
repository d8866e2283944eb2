import { ProtocolError } from "./protocol_error.ts";

/** The most events that may be complete while an earlier one is not: an agent has at most this many unacknowledged. */
const MAX_AHEAD = 4096;

/**
 * The numbers of received events. Events begin in order; later ones may overtake an event that is sent in parts.
 */
export class ReceiveWindow {
  /** The highest number of an event that has begun; undefined before the first. */
  #begun: number | undefined;
  #acknowledged: number;
  readonly #ahead = new Set<number>();

  /** @param after The highest number received in full before this attach, if known. */
  constructor(after?: number) {
    this.#begun = after;
    this.#acknowledged = after ?? 0;
  }

  /** The highest number up to which all events are complete; 0 before the first. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /**
   * Records a part of an event.
   *
   * @param seq The event's number.
   * @throws {ProtocolError} `bad_seq`: the event before it is missing.
   */
  begin(seq: number): void {
    if (this.#begun === undefined) this.#acknowledged = seq - 1;
    else if (seq > this.#begun + 1) {
      throw new ProtocolError(
        "bad_seq",
        `Cannot accept event: the next number must be ${this.#begun + 1}; received ${seq}`,
      );
    }
    this.#begun = Math.max(this.#begun ?? 0, seq);
  }

  /**
   * Records that an event is complete.
   *
   * @param seq The event's number.
   * @returns False for a duplicate, which the caller drops.
   * @throws {ProtocolError} `bad_seq`: too many events have overtaken an incomplete one.
   */
  complete(seq: number): boolean {
    if (seq <= this.#acknowledged || this.#ahead.has(seq)) return false;
    this.#ahead.add(seq);
    while (this.#ahead.delete(this.#acknowledged + 1)) this.#acknowledged += 1;
    if (this.#ahead.size > MAX_AHEAD) {
      throw new ProtocolError(
        "bad_seq",
        `Cannot accept event: more than ${MAX_AHEAD} events have overtaken event ${this.#acknowledged + 1}`,
      );
    }
    return true;
  }
}
