import { type SandboxPolicy, sizedPolicy } from "../sandbox/mod.ts";
import type { Config } from "./config.ts";

/**
 * The confinement that the settings ask for.
 *
 * @param config The settings.
 */
export function sandboxPolicy(config: Config): SandboxPolicy {
  const { datasets, ociRuntime } = config;
  return { ...sizedPolicy(config), datasets, ...(ociRuntime === undefined ? {} : { ociRuntime }) };
}
