/** The most that the caller of `create_sandbox` may ask for. */
import { OmcpError } from "../errors.ts";
import type { RuntimeResources } from "../runtime/mod.ts";
import type { ResourceMaximum } from "../sandbox/mod.ts";
import type { Config } from "./config.ts";

/** The part of the machine that one sandbox may have where the operator does not say. */
const DEFAULT_PART = 0.5;
const MIB = 1024 * 1024;

/**
 * The operator's limits; by default half of the engine's machine, and never less than a sandbox's default.
 *
 * @param config The settings.
 * @param machine What the engine's machine has.
 * @throws {OmcpError} `config_invalid` for more memory or more processors than the machine has; the engine would accept both.
 */
export function resourceMaximum(
  config: Pick<Config, "memoryBytes" | "cpus" | "memoryMaxBytes" | "cpusMax">,
  machine: Pick<RuntimeResources, "cpus" | "memoryBytes">,
): ResourceMaximum {
  const mebibytes = Math.floor(machine.memoryBytes / MIB);
  const memory = {
    most: mebibytes,
    has: `${mebibytes} MiB of memory`,
    further: "; lower, if several sandboxes are to work at a time",
  };
  const processors = { most: machine.cpus * 100, has: `${machine.cpus} processors`, further: "" };
  const limits = [
    ["OMCP_MEMORY_MIB", config.memoryBytes / MIB, memory],
    ["OMCP_MEMORY_MAX_MIB", (config.memoryMaxBytes ?? 0) / MIB, memory],
    ["OMCP_CPU_PERCENT", config.cpus * 100, processors],
    ["OMCP_CPU_MAX_PERCENT", (config.cpusMax ?? 0) * 100, processors],
  ] as const;
  for (const [name, asked, { most, has, further }] of limits) {
    if (asked <= most) continue;
    throw new OmcpError(
      "config_invalid",
      `Cannot start: ${name} is ${asked}, and the engine's machine has ${has}`,
      { next: `Set it to at most ${most}${further}.` },
    );
  }
  return {
    memoryBytes: config.memoryMaxBytes ??
      Math.max(config.memoryBytes, Math.floor(machine.memoryBytes * DEFAULT_PART / MIB) * MIB),
    cpus: config.cpusMax ?? Math.max(config.cpus, machine.cpus * DEFAULT_PART),
  };
}
