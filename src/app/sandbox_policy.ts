import { type SandboxPolicy, sizedPolicy } from "../sandbox/mod.ts";
import type { Config } from "./config.ts";

/**
 * The confinement that the settings ask for.
 *
 * @param config The settings.
 */
export function sandboxPolicy(config: Config): SandboxPolicy {
  return { ...sizedPolicy(config), datasets: config.datasets };
}
