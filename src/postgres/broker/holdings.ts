import type { Refusal } from "./refusals.ts";

/** What a connection holds open at the server, which costs a process there memory until its transaction ends. */
export type Holding = "cursors" | "savepoints";

/** How many of each a connection may hold. */
export type HoldingLimits = Readonly<Record<Holding, number>>;

const OPENS: ReadonlyMap<string, Holding> = new Map([["declare", "cursors"], ["savepoint", "savepoints"]]);
const CLOSES: ReadonlyMap<string, Holding> = new Map([["CLOSE CURSOR", "cursors"], [
  "RELEASE",
  "savepoints",
]]);

/**
 * Counts the cursors (named portals among them) and savepoints of one connection: what was sent to open one, less what the server
 * has said to be closed. The server does not report what ROLLBACK TO closes, so that counts until the transaction ends: the number is never too low.
 */
export class Holdings {
  readonly #open: Record<Holding, number> = { cursors: 0, savepoints: 0 };

  /** What a statement opens, if it opens anything. @param command Its command. */
  static opens(command: string): Holding | undefined {
    return OPENS.get(command);
  }

  /**
   * Counts what is about to be opened.
   *
   * @param kind What.
   * @param limits How many there may be.
   * @returns Why it may not be opened; undefined if it may.
   */
  admit(kind: Holding, limits: HoldingLimits): Refusal | undefined {
    if (this.#open[kind] < limits[kind]) {
      this.#open[kind] += 1;
      return undefined;
    }
    return {
      sqlstate: "53000",
      message: `a connection may hold at most ${limits[kind]} ${kind} open`,
      hint: kind === "cursors"
        ? "CLOSE some, or end the transaction."
        : "RELEASE some, or end the transaction.",
    };
  }

  /** Notes what the server has done. @param tag The command tag. */
  completed(tag: string): void {
    const closed = CLOSES.get(tag);
    if (closed !== undefined) this.#open[closed] = Math.max(0, this.#open[closed] - 1);
    if (tag === "CLOSE CURSOR ALL") this.#open.cursors = 0;
  }

  /** Notes that no transaction is open and no answer is owed, so that the session holds nothing. */
  ended(): void {
    this.#open.cursors = 0;
    this.#open.savepoints = 0;
  }
}
