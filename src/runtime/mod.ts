/** Containers with our agent in them, and the port to whatever runs containers. `docker/` has the adapter for Docker's engine. */
export * from "./agent_container.ts";
export { type AgentLog, logAgent } from "./agent_log.ts";
export { requireConfined, verifyAttestation } from "./attestation.ts";
export * from "./confinement.ts";
export * from "./container_runtime.ts";
export * from "./container_spec.ts";
export * from "./create_container.ts";
export * from "./instance_lock.ts";
export type { LockOptions } from "./lock_container.ts";
export * from "./labels.ts";
export { MASKED_PATHS } from "./masked_paths.ts";
export { verifyOciRuntime } from "./oci_runtime.ts";
export * from "./orphans.ts";
export * from "./removals.ts";
export * from "./run_program.ts";
export {
  type Architecture,
  DATABASE_SECCOMP,
  NETWORK_SECCOMP,
  SANDBOX_SECCOMP,
  type SeccompCondition,
  type SeccompProfile,
  type SeccompRule,
} from "./seccomp_profile.ts";
