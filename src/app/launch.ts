/** The server's exact command line: the permissions that it needs and no more. README, client configs, demo and tests take it from here. */
import { OmcpError } from "../errors.ts";
import { SYSTEM_BUNDLES } from "../lib/host_certificates.ts";
import { ENGINE_VARIABLES, type EngineAccess } from "./engine_access.ts";
import { INDEX_VARIABLES } from "./package_settings.ts";

/** What the command line depends on; the socket is "/var/run/docker.sock" by default. */
export interface LaunchOptions extends Partial<Omit<PermissionNeeds, "guardFolder">> {
  /** The project's folder, absolute or relative to the folder in which the server starts. */
  readonly project: string;
  /** A file of settings. */
  readonly envFile?: string;
}

/**
 * V8 collects garbage early and keeps its heaps small. Without these flags, a sandbox that floods the server with refused statements makes it
 * grow by 200 MB of garbage, in this thread and in the guard's (docs/decisions/0025-v8-collects-early.md). V8's second compiler for WebAssembly
 * takes 40 MiB while it compiles the SQL grammar in each of the guard's workers, and does not make parsing measurably faster. V8 reads the
 * flags at the start only.
 */
export const MEMORY_FLAGS =
  "--v8-flags=--optimize-for-size,--max-semi-space-size=1,--initial-old-space-size=16,--liftoff-only";

/** Environment variables that the server may read. */
const VARIABLES: readonly string[] = [...ENGINE_VARIABLES, "OMCP_*", ...INDEX_VARIABLES];

/** The flag that permits to read them. */
export const ENVIRONMENT_FLAG = `--allow-env=${VARIABLES.join(",")}`;

/**
 * Whether {@link ENVIRONMENT_FLAG} covers a variable.
 *
 * @param name Its name.
 */
export function isOwnVariable(name: string): boolean {
  return name.startsWith("OMCP_") || VARIABLES.includes(name);
}

/** Values of Deno's `--allow-…` flags. */
export interface ServerPermissions {
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** What {@link serverPermissions} depends on. */
export interface PermissionNeeds extends Partial<EngineAccess> {
  /** The folder of the guard's modules: Deno loads a worker's modules under the read permission. */
  readonly guardFolder?: string | undefined;
  /** `host:port` of a Postgres given by URL, or `unix:` and its socket's path. */
  readonly databaseHost?: string | undefined;
  /** Files that this Postgres needs: its socket, certificate authorities. */
  readonly databaseFiles?: readonly string[];
  /** The folder of `OMCP_AUDIT_FOLDER`. */
  readonly auditFolder?: string | undefined;
  /** The folder of `OMCP_DISCLOSURE_FOLDER`. */
  readonly ledgerFolder?: string | undefined;
  /** The file of `OMCP_PACKAGES_CONSTRAINTS`. */
  readonly constraintsFile?: string | undefined;
  /** The file of `OMCP_IMAGE_FILE`. */
  readonly imageFile?: string | undefined;
  /** The folder of `OMCP_EXCHANGE_DIR`. */
  readonly exchangeFolder?: string | undefined;
}

/**
 * Lists the permissions that the server needs besides its environment variables.
 *
 * @param needs Paths and hosts.
 */
export function serverPermissions(needs: PermissionNeeds): ServerPermissions {
  const { socketPath, engineHost, engineFiles = [] } = needs;
  const { guardFolder, databaseFiles = [], constraintsFile, imageFile } = needs;
  const folders = [needs.auditFolder, needs.ledgerFolder, needs.exchangeFolder];
  return {
    // Deno checks the URL's host, too, although the connection goes to the socket.
    net: defined([
      ...(socketPath === undefined ? [] : [`unix:${socketPath}`, "docker.invalid:80"]),
      engineHost,
      needs.databaseHost,
    ]),
    read: defined([
      socketPath,
      ...engineFiles,
      guardFolder,
      ...databaseFiles,
      constraintsFile,
      imageFile,
      ...folders,
    ]),
    write: defined([socketPath, ...folders]),
  };
}

function defined(values: readonly (string | undefined)[]): readonly string[] {
  return values.filter((value) => value !== undefined);
}

/**
 * @param options Folder, socket and database.
 * @returns Deno's arguments up to and including the permissions, without the script.
 */
export function permissionFlags(options: LaunchOptions): string[] {
  const { project, envFile, ...needs } = options;
  const usual = needs.engineHost === undefined ? "/var/run/docker.sock" : undefined;
  const permissions = serverPermissions({
    ...needs,
    socketPath: needs.socketPath ?? usual,
    guardFolder: `${project}/src/postgres/guard`,
  });
  return serverFlags({ ...permissions, read: defined([...permissions.read, envFile]) });
}

/**
 * @param permissions What the server needs.
 * @returns Deno's flags for them, and for what the server may read besides.
 */
export function serverFlags(permissions: ServerPermissions): string[] {
  // The server starts without these files, and then does not trust the host's own certificate authorities.
  const read = [...permissions.read, ...SYSTEM_BUNDLES];
  return permissionList({ ...permissions, read });
}

/**
 * @param permissions Values of the flags; without a value there is no flag.
 * @returns Deno's flags for them and for the environment.
 * @throws {OmcpError} `invalid_argument` for a path with a comma: Deno separates the values by commas and has no escape.
 */
export function permissionList(permissions: ServerPermissions): string[] {
  const bad = [...permissions.read, ...permissions.write].find((path) => path === "" || path.includes(","));
  if (bad !== undefined) {
    throw new OmcpError(
      "invalid_argument",
      `Deno cannot be permitted to use the path "${bad}": it is empty or has a comma`,
      {
        state: "Nothing was done.",
        next: "Rename the file or folder, or name it by a symbolic link without a comma.",
      },
    );
  }
  return [
    "--no-prompt",
    ...Object.entries(permissions).flatMap(([name, values]) =>
      values.length === 0 ? [] : [`--allow-${name}=${[...new Set(values)].join(",")}`]
    ),
    ENVIRONMENT_FLAG,
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
