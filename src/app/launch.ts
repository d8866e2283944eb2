/** The server's exact command line: the permissions it needs and no more. README, client configs, demo and tests all take it from here. */

/** What the permissions depend on. */
export interface LaunchOptions {
  /** The project's folder, absolute or as seen from where the server is started. */
  readonly project: string;
  /** Path of the engine's socket. @default "/var/run/docker.sock" */
  readonly socketPath?: string;
  /** `host:port` of a Postgres given by URL. */
  readonly databaseHost?: string;
  /** A file with certificate authorities for that Postgres. */
  readonly certificatePath?: string;
  /** The file of `OMCP_AUDIT_FILE`. */
  readonly auditFile?: string;
}

/**
 * V8 collects garbage early and keeps its heaps small. Else a sandbox that floods the server with refused statements has it grow
 * by 200 MB of garbage, in this thread and in the guard's; they can be given at the start only.
 */
export const MEMORY_FLAGS = "--v8-flags=--optimize-for-size,--max-semi-space-size=1";

/** Environment variables that the server may read. */
const VARIABLES = ["DOCKER_HOST", "OMCP_*"];

/**
 * @param options Folder, socket and database.
 * @returns Deno's arguments up to and with the permissions, without the script.
 */
export function permissionFlags(options: LaunchOptions): string[] {
  const socket = options.socketPath ?? "/var/run/docker.sock";
  const net = [`unix:${socket}`, "docker.invalid:80"];
  if (options.databaseHost !== undefined) net.push(options.databaseHost);
  // Deno loads a worker's modules under the read permission: this is the guard's folder and nothing more.
  const read = [socket, `${options.project}/src/postgres/guard`];
  if (options.certificatePath !== undefined) read.push(options.certificatePath);
  const write = [socket];
  if (options.auditFile !== undefined) write.push(options.auditFile);
  return [
    "--no-prompt",
    `--allow-net=${net.join(",")}`,
    `--allow-read=${read.join(",")}`,
    `--allow-write=${write.join(",")}`,
    `--allow-env=${VARIABLES.join(",")}`,
  ];
}

/**
 * @param options Folder, socket and database.
 * @returns All of Deno's arguments to start the server over stdio.
 */
export function serverArguments(options: LaunchOptions): string[] {
  return [
    "run",
    "--quiet",
    MEMORY_FLAGS,
    ...permissionFlags(options),
    `${options.project}/src/main.ts`,
    "serve",
  ];
}
