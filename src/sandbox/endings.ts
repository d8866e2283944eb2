/** How a sandbox ends, and the error of calls on one that has ended. */
import { OmcpError } from "../errors.ts";

/** Why a sandbox ended. */
export interface SandboxEnd {
  /** `lost`: it ended by itself. */
  readonly state: "removed" | "expired" | "lost";
  /** Without a final period. */
  readonly reason: string;
  /** Whether its memory limit ended it. */
  readonly oom: boolean;
}

/**
 * The error of a call on a sandbox that has ended.
 *
 * @param id The sandbox's handle.
 * @param end Why it ended.
 * @param known `removed`: the removal of its container is confirmed. `sent`: false where the call's cell certainly did not reach it.
 */
export function endedError(
  id: string,
  end: SandboxEnd,
  { removed, sent = true }: { readonly removed: boolean; readonly sent?: boolean },
): OmcpError {
  if (end.state !== "lost") {
    return new OmcpError(
      "sandbox_not_found",
      `Sandbox ${id} ${removed ? "has been" : "is being"} removed: ${end.reason}`,
      { state: "Its variables and files are gone.", next: "Create a new sandbox with create_sandbox." },
    );
  }
  return new OmcpError(
    end.oom ? "out_of_memory" : "sandbox_lost",
    end.oom
      ? `The memory limit of sandbox ${id} was reached, which ended it`
      : `Sandbox ${id} is lost: ${end.reason}`,
    {
      state: `Its variables and files are gone. ${
        sent ? "It is unknown how far the last cell ran." : "The last cell did not run."
      }`,
      next: end.oom
        ? "Create a new sandbox with create_sandbox, with more memory_mb or for less data at a time, and run again what is needed."
        : "Create a new sandbox with create_sandbox and run again what is needed.",
    },
  );
}
