import type { Upstream, UpstreamSession } from "../upstream/mod.ts";
import type { PipelineState } from "./pipeline_state.ts";

/** Asks the server to cancel what a session runs. */
export class Canceller {
  readonly #upstream: Pick<Upstream, "cancel">;
  readonly #session: UpstreamSession;
  readonly #state: Pick<PipelineState, "answers" | "cancelled">;
  #last: { readonly answers: number; readonly asked: Promise<boolean> } | undefined;

  /**
   * @param upstream The server.
   * @param session The session.
   * @param state What it runs.
   */
  constructor(
    upstream: Pick<Upstream, "cancel">,
    session: UpstreamSession,
    state: Pick<PipelineState, "answers" | "cancelled">,
  ) {
    this.#upstream = upstream;
    this.#session = session;
    this.#state = state;
  }

  /**
   * Cancels what runs now. Each request opens a connection of its own, so calls for one statement share a request. A call for a
   * later statement makes another: the request on its way may arrive while the earlier statement runs.
   *
   * @returns Resolves when the server has sent the signal: to false if the server could not be asked.
   */
  cancel(): Promise<boolean> {
    const { answers } = this.#state;
    if (this.#last?.answers === answers) return this.#last.asked;
    const mine = { answers, asked: this.#ask(answers, this.#last?.asked) };
    this.#last = mine;
    void mine.asked.finally(() => {
      if (this.#last === mine) this.#last = undefined;
    });
    return mine.asked;
  }

  /**
   * Waits until no request is on its way, at most a few seconds. A request has no name of a statement: whatever is sent to the
   * server while one is on its way may be what it cancels.
   */
  async settled(): Promise<void> {
    while (this.#last !== undefined) await this.#last.asked;
  }

  async #ask(answers: number, before: Promise<boolean> | undefined): Promise<boolean> {
    if (before !== undefined) {
      await before;
      if (this.#state.answers !== answers) return true;
    }
    const asked = await this.#upstream.cancel(this.#session);
    if (asked) this.#state.cancelled(answers);
    return asked;
  }
}
