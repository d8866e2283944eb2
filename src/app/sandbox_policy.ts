import { DEFAULT_POLICY, type SandboxPolicy } from "../sandbox/mod.ts";
import type { Config } from "./config.ts";

/**
 * The confinement that the settings ask for.
 *
 * @param config The settings.
 */
export function sandboxPolicy(config: Config): SandboxPolicy {
  return {
    ...DEFAULT_POLICY,
    memoryBytes: config.memoryBytes,
    cpus: config.cpus,
    pids: config.pids,
    datasets: config.datasets,
    workspace: { ...DEFAULT_POLICY.workspace, bytes: config.workspaceBytes },
  };
}
