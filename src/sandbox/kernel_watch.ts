/** Follows the agent's reports on its kernel: how it is confined, and when it has started. */
import * as z from "zod";
import { abortError } from "../lib/async/abort_error.ts";
import { abortable } from "../lib/async/abortable.ts";
import { OmcpError } from "../errors.ts";

const kernelStateSchema = z.object({
  type: z.literal("kernel_state"),
  state: z.enum(["starting", "idle", "busy", "dead"]),
  confinement: z.object({
    no_new_privs: z.boolean(),
    seccomp: z.number().int(),
    filters: z.number().int().nullish(),
  }).nullish(),
  error: z.object({ code: z.string().max(100), message: z.string().max(4000) }).nullish(),
});

/** Follows a sandbox's `kernel_state` events until its confinement is known and its first kernel can run cells. */
export class KernelWatch {
  readonly #report = Promise.withResolvers<z.output<typeof kernelStateSchema>>();

  readonly #started = Promise.withResolvers<void>();

  /** Resolves when the first kernel is ready, or will never be. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** @param event Any event that belongs to no request; others are ignored. */
  take(event: unknown): void {
    const parsed = kernelStateSchema.safeParse(event);
    if (!parsed.success) return;
    const { confinement, error, state } = parsed.data;
    if (state !== "starting") this.#started.resolve();
    if ((confinement ?? undefined) !== undefined || (error ?? undefined) !== undefined) {
      this.#report.resolve(parsed.data);
    }
  }

  /**
   * Waits for the kernel's report. One that is late, or never comes because the container ended, says nothing of its confinement.
   *
   * @param signal Gives up.
   * @param ended Resolves when no report can come any more, with the reason.
   * @returns What is wrong with the confinement; empty when all is as it must be.
   * @throws {OmcpError} `kernel_unavailable` where the image has no kernel, `sandbox_start_failed` where the container ended, `timeout` or
   * `cancelled` by the signal.
   */
  async confinementProblems(
    signal: AbortSignal,
    ended: Promise<{ readonly reason: string }>,
  ): Promise<string[]> {
    const report = await abortable(Promise.race([this.#report.promise, ended.then(endedEarly)]), signal)
      .catch((error) => {
        throw signal.aborted
          ? abortError(signal.reason, "The kernel has not reported its confinement")
          : error;
      });
    if ((report.error ?? undefined) !== undefined) {
      throw new OmcpError("kernel_unavailable", report.error?.message ?? "The kernel cannot start", {
        state: "The sandbox has been removed.",
        next: "Use an image with python3 ≥ 3.9 and ipython (setting OMCP_IMAGE).",
      });
    }
    const problems: string[] = [];
    if (report.confinement?.no_new_privs !== true) problems.push("the kernel may gain privileges");
    if (report.confinement?.seccomp !== 2) problems.push("the kernel has no seccomp filter");
    return problems;
  }
}

function endedEarly({ reason }: { readonly reason: string }): never {
  throw new OmcpError("sandbox_start_failed", `The sandbox ended before its kernel was ready: ${reason}`, {
    state: "No code was run.",
    next: "Try again; if it stays so, look at the server's log.",
  });
}
