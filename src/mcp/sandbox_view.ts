/** A sandbox as tools show it. */
import type { SandboxInfo, SandboxState } from "../sandbox/mod.ts";

/** What a client sees of a sandbox; times in ISO 8601, `idle_timeout` in seconds. */
export interface SandboxView extends Record<string, unknown> {
  readonly sandbox_id: string;
  readonly state: SandboxState;
  readonly created_at: string;
  readonly last_used_at: string;
  /** When it expires unless it is used before; only while it is idle. */
  readonly idle_until?: string;
  readonly ends_at: string;
  readonly idle_timeout: number;
  readonly cells: number;
  readonly reason?: string;
}

/**
 * @param info What the manager knows.
 * @returns The client's view.
 */
export function sandboxView(info: SandboxInfo): SandboxView {
  return {
    sandbox_id: info.sandboxId,
    state: info.state,
    created_at: new Date(info.createdAt).toISOString(),
    last_used_at: new Date(info.lastUsedAt).toISOString(),
    ...(info.state === "idle" ? { idle_until: idleEnd(info) } : {}),
    ends_at: new Date(info.endsAt).toISOString(),
    idle_timeout: Math.round(info.idleMs / 1000),
    cells: info.cells,
    ...(info.reason === undefined ? {} : { reason: info.reason }),
  };
}

function idleEnd({ lastUsedAt, idleMs, endsAt }: SandboxInfo): string {
  return new Date(Math.min(lastUsedAt + idleMs, endsAt)).toISOString();
}
