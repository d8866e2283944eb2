import { type Holding, type HoldingLimits } from "./holdings.ts";
import type { Pipeline } from "./pipeline.ts";
import type { PipelineState } from "./pipeline_state.ts";
import type { Refusal } from "./refusals.ts";

/** Statements that may be prepared, and cursors and savepoints that may be open, at a time. */
export type ConnectionLimits = HoldingLimits & { readonly preparedStatements: number };

/** Refuses statements for what their connection has prepared or holds open. */
export class StatementLimits {
  readonly #pipeline: Pipeline;
  readonly #state: PipelineState;
  readonly #limits: ConnectionLimits;

  /**
   * @param pipeline Knows what prepared statements do.
   * @param state Knows how many there are, and what is open.
   * @param limits How many there may be.
   */
  constructor(pipeline: Pipeline, state: PipelineState, limits: ConnectionLimits) {
    this.#pipeline = pipeline;
    this.#state = state;
    this.#limits = limits;
  }

  /** Refuses statements that EXECUTE may not run. @param names Their names. @returns The refusal, if there is one. */
  executing(names: Iterable<string>): Refusal | undefined {
    const name = this.#pipeline.beyondReading(names);
    if (name === undefined) return undefined;
    return {
      sqlstate: "0A000",
      message: "EXECUTE runs only a SELECT, and this statement may be another",
      hint: "PREPARE a SELECT under a name of its own, or run the statement by itself.",
    };
  }

  /** Refuses to prepare more statements than the limit. @param more The number of new ones. @returns The refusal, if there is one. */
  preparing(more: number): Refusal | undefined {
    const { preparedStatements } = this.#limits;
    if (this.#state.prepared + more <= preparedStatements) return undefined;
    return {
      sqlstate: "53000",
      message: `a connection may hold at most ${preparedStatements} prepared statements`,
      hint: "Close or deallocate some.",
    };
  }

  /** Counts what a statement opens. @param kind What it opens. @returns The refusal if it is above the limit. */
  opening(kind: Holding | undefined): Refusal | undefined {
    return kind === undefined ? undefined : this.#state.holdings.admit(kind, this.#limits);
  }
}
