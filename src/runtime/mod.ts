/** Containers with our agent in them. */
export * from "./confinement.ts";
export * from "./container_runtime.ts";
export * from "./agent_container.ts";
export * from "./instance_lock.ts";
export * from "./labels.ts";
export { MASKED_PATHS } from "./masked_paths.ts";
export * from "./own_uid.ts";
export * from "./removals.ts";
export {
  DATABASE_SECCOMP,
  SANDBOX_SECCOMP,
  type SeccompArgument,
  type SeccompProfile,
  type SeccompRule,
} from "./seccomp_profile.ts";
export * from "./orphans.ts";
