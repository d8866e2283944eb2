/** Follows the agent's reports on its kernel: how it is confined, and when it has started. */
import * as z from "zod";
import { OmcpError } from "../errors.ts";

const REPORT_DEADLINE_MS = 10_000;

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
   * @param signal Gives up.
   * @returns What is wrong with the confinement; empty when all is as it must be.
   * @throws {OmcpError} `kernel_unavailable` where the image has no kernel.
   */
  async confinementProblems(signal: AbortSignal): Promise<string[]> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), REPORT_DEADLINE_MS);
    function abort(): void {
      late.reject(signal.reason);
    }
    signal.addEventListener("abort", abort, { once: true });
    try {
      const report = await Promise.race([this.#report.promise, late.promise]);
      if (report === undefined) return ["the kernel gave no report of its confinement"];
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
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}
