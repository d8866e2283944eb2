/** Whether a sandbox that was started ahead can be handed out. */
import { REQUESTS } from "../agent_protocol/messages/mod.ts";
import { abortable } from "../lib/async/abortable.ts";
import type { StartedSandbox } from "./factory.ts";

/** How long a sandbox may take to answer. */
const ANSWER_MS = 1000;

/** The image that a sandbox was made from. */
export interface LaunchedImage {
  /** Its id. */
  readonly image: string;
  /** Finds the id that its name has now. */
  readonly imageNow: (signal: AbortSignal) => Promise<string>;
}

/**
 * Refuses a sandbox that does not answer or cannot run cells, or whose image's name has another image now.
 *
 * @param launch What it was made from.
 * @param started The sandbox.
 * @param signal Gives up.
 * @throws What its channel and the engine throw, or an error that says what is wrong.
 */
export async function requireReady(
  { image, imageNow }: LaunchedImage,
  { container }: StartedSandbox,
  signal: AbortSignal,
): Promise<void> {
  const [now, reply] = await Promise.all([
    abortable(imageNow(signal), signal),
    container.channel.request("status", {}, { signal, deadlineMs: ANSWER_MS }),
  ]);
  if (now !== image) throw new Error("its image's name has another image now");
  const { executionState: state } = REQUESTS.status.result.parse(reply);
  if (state === "dead") throw new Error("it has no kernel");
}
