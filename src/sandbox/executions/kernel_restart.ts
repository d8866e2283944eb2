/** Corrects the results of cells that a restart of the kernel interrupts: the agent replied that their variables are kept. */
import type { OmcpError } from "../../errors.ts";
import type { ExecutionResult } from "./execution_spec.ts";

/** A restart of the kernel. It waits until the cells that it interrupts have ended, then it is sent to the agent, unless its caller gives up before. */
export class KernelRestart {
  #state: "waiting" | "sent" | "given up" = "waiting";

  /** `given up`: it will not be sent. */
  get state(): "waiting" | "sent" | "given up" {
    return this.#state;
  }

  /** Records that it was sent: from now on the variables are lost. */
  sent(): void {
    this.#state = "sent";
  }

  /** Gives it up, so that the kernel stays. Does nothing once it was sent. */
  giveUp(): void {
    if (this.#state === "waiting") this.#state = "given up";
  }
}

/**
 * The result of an execution that a restart interrupted.
 *
 * @param result What the execution returned.
 * @param restart The restart.
 * @returns The result, with what became of the kernel.
 */
export function afterRestart(
  result: ExecutionResult | undefined,
  restart: KernelRestart,
): ExecutionResult | undefined {
  if (result?.kind !== "cell" || restart.state === "given up") return result;
  const kernel = restart.state === "sent" || result.outcome.kernel === "restarted"
    ? "restarted"
    : "restarting";
  return { kind: "cell", outcome: { ...result.outcome, kernel } };
}

/**
 * The error of an execution that ran when a restart interrupted it.
 *
 * @param error Why the execution failed.
 * @param restart The restart.
 * @returns The error, with what became of the variables.
 */
export function errorAfterRestart(error: OmcpError, restart: KernelRestart): OmcpError {
  if (restart.state === "given up" || (error.code !== "cancelled" && error.code !== "timeout")) return error;
  return error.with({
    state: `It was interrupted, and its kernel ${
      restart.state === "sent" ? "restarted" : "is about to be restarted"
    }: variables are lost, files in /workspace remain`,
  });
}
