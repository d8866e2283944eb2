/** What is known of a sandbox besides its content. */
import type { SandboxEnd } from "./endings.ts";
import type { ResourceRequest } from "./resources.ts";

/**
 * `idle` and `busy` sandboxes accept calls. `removing` sandboxes have ended, but the removal of their container is not confirmed yet. The others
 * have no container.
 */
export type SandboxState = "idle" | "busy" | "removing" | SandboxEnd["state"];

/** What the creator of a sandbox asked for; settings decide the rest. */
export interface AskedResources extends ResourceRequest {
  /** The image's name. */
  readonly image?: string;
  /** The size of /workspace that follows from the memory that was asked for, bytes. */
  readonly workspaceBytes?: number;
}

/** What a list shows of a sandbox. Times are milliseconds since the epoch. */
export interface SandboxInfo {
  /** Its handle. */
  readonly sandboxId: string;
  /** Its state at the time of the call. */
  readonly state: SandboxState;
  /** When it was created. */
  readonly createdAt: number;
  /** When its last call ended. */
  readonly lastUsedAt: number;
  /** Idle time after which it expires, ms. */
  readonly idleMs: number;
  /** When its lifetime ends. */
  readonly endsAt: number;
  /** How many cells it has run. */
  readonly cells: number;
  /** What its creator asked for. */
  readonly asked: AskedResources;
  /** Why it ended; only for one that did. */
  readonly reason?: string;
}

/** How much of a lifetime is left. */
export interface TimeLeft {
  /** Age at which it expires, ms. */
  readonly lifetimeMs: number;
  /** Until then, ms. */
  readonly remainingMs: number;
}
