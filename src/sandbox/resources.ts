/** What a caller may ask for when it creates a sandbox, within the operator's limits. */
import { OmcpError } from "../errors.ts";
import { checkPolicy, leastMemory, type SandboxPolicy, scaledPolicy } from "./policy.ts";

const MIB = 1024 * 1024;

/** A quota below this makes a kernel's start take minutes. */
const LEAST_CPUS = 0.05;

/** What a caller asks for; what it leaves out is as the policy says. */
export interface ResourceRequest {
  /** Memory, its files included, bytes. */
  readonly memoryBytes?: number;
  /** CPUs' worth of time. */
  readonly cpus?: number;
}

/** The most that a caller may ask for. */
export interface ResourceMaximum {
  /** Bytes. */
  readonly memoryBytes: number;
  /** CPUs' worth of time. */
  readonly cpus: number;
}

/** The bounds of what a caller may ask for, both included. */
export interface ResourceBounds {
  readonly memoryMib: { readonly least: number; readonly most: number };
  readonly cpus: { readonly least: number; readonly most: number };
}

/**
 * The bounds of a policy.
 *
 * @param policy What a sandbox has by default. The least memory is what programs and its smallest file systems need.
 * @param maximum The operator's limits.
 */
export function resourceBounds(policy: SandboxPolicy, maximum: ResourceMaximum): ResourceBounds {
  return {
    memoryMib: {
      least: Math.ceil(leastMemory(policy) / MIB),
      most: Math.floor(Math.max(maximum.memoryBytes, policy.memoryBytes) / MIB),
    },
    cpus: { least: Math.min(LEAST_CPUS, policy.cpus), most: Math.max(maximum.cpus, policy.cpus) },
  };
}

/**
 * The policy of a sandbox whose caller asked for other resources.
 *
 * @param policy What a sandbox has by default.
 * @param request What the caller asks for; the sizes of its file systems follow the memory.
 * @param maximum The operator's limits.
 * @throws {OmcpError} `invalid_argument`, which names the argument and its bounds.
 */
export function requestedPolicy(
  policy: SandboxPolicy,
  request: ResourceRequest,
  maximum: ResourceMaximum,
): SandboxPolicy {
  const { memoryBytes = policy.memoryBytes, cpus = policy.cpus } = request;
  const bounds = resourceBounds(policy, maximum);
  if (request.memoryBytes !== undefined) check("memory_mb", memoryBytes / MIB, bounds.memoryMib);
  if (request.cpus !== undefined) check("cpus", cpus, bounds.cpus);
  const requested = { ...scaledPolicy(policy, memoryBytes), cpus };
  checkPolicy(requested);
  return requested;
}

function check(
  name: string,
  value: number,
  { least, most }: { readonly least: number; readonly most: number },
) {
  // Not `value < least`, which is false for NaN.
  if (value >= least && value <= most) return;
  throw new OmcpError("invalid_argument", `${name} must be from ${least} to ${most}; received ${value}`, {
    state: "No sandbox was created.",
    next: "Correct the argument and call again.",
  });
}
