import type { Upstream, UpstreamSession } from "../upstream/mod.ts";
import type { PipelineState } from "./pipeline_state.ts";

/**
 * Makes the function that asks the server to cancel what a session runs. Each request opens a connection of its own, so calls for
 * one statement share a request. A call for a later statement makes another: the request on its way may meet the earlier one only.
 *
 * @param upstream The server.
 * @param session The session.
 * @param conversation What it runs.
 * @returns The function; it resolves when the server has sent the signal, to whether it could be asked.
 */
export function cancellerOf(
  upstream: Pick<Upstream, "cancel">,
  session: UpstreamSession,
  conversation: Pick<PipelineState, "answers" | "cancelled">,
): () => Promise<boolean> {
  let last: { readonly answers: number; readonly asked: Promise<boolean> } | undefined;
  async function ask(answers: number, before: Promise<boolean> | undefined): Promise<boolean> {
    if (before !== undefined) {
      await before;
      if (conversation.answers !== answers) return true;
    }
    const asked = await upstream.cancel(session);
    if (asked) conversation.cancelled(answers);
    return asked;
  }
  return function cancel() {
    const { answers } = conversation;
    if (last?.answers === answers) return last.asked;
    const mine = { answers, asked: ask(answers, last?.asked) };
    last = mine;
    void mine.asked.finally(() => {
      if (last === mine) last = undefined;
    });
    return mine.asked;
  };
}
