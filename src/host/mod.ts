/** Containers with our agent in them. */
export * from "./container_host.ts";
export * from "./hosted_container.ts";
export * from "./labels.ts";
export * from "./sweep.ts";
