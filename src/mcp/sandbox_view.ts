/** A sandbox as tools show it. */
import { counted } from "../lib/counted.ts";
import type { AskedResources, SandboxInfo, SandboxState } from "../sandbox/mod.ts";

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
  /** What its creator asked for, in MiB. */
  readonly memory_mb?: number;
  /** What that memory leaves for /workspace, in MiB. */
  readonly workspace_mb?: number;
  readonly cpus?: number;
  readonly image?: string;
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
    ...askedView(info.asked),
    ...(info.reason === undefined ? {} : { reason: info.reason }),
  };
}

function askedView({ memoryBytes, workspaceBytes, cpus, image }: AskedResources) {
  return {
    ...(workspaceBytes === undefined ? {} : { workspace_mb: Math.floor(workspaceBytes / (1024 * 1024)) }),
    ...(memoryBytes === undefined ? {} : { memory_mb: memoryBytes / (1024 * 1024) }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(image === undefined ? {} : { image }),
  };
}

/**
 * What the creator of a sandbox asked for, in words.
 *
 * @param view The sandbox.
 * @returns A phrase each; empty if everything is as the operator says.
 */
export function askedPhrases({ memory_mb, workspace_mb, cpus, image }: SandboxView): string[] {
  const workspace = workspace_mb === undefined ? "" : ` (/workspace: ${workspace_mb} MiB)`;
  return [
    ...(memory_mb === undefined ? [] : [`memory ${memory_mb} MiB${workspace}`]),
    ...(cpus === undefined ? [] : [counted(cpus, "CPU")]),
    ...(image === undefined ? [] : [`image ${image}`]),
  ];
}

function idleEnd({ lastUsedAt, idleMs, endsAt }: SandboxInfo): string {
  return new Date(Math.min(lastUsedAt + idleMs, endsAt)).toISOString();
}
