/** The runtime's adapter for Docker's engine. */
export { createContainerRequest } from "./container_request.ts";
export { DockerRuntime } from "./docker_runtime.ts";
