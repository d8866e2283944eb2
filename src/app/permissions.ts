/** Checks Deno's permissions at the start: a missing flag is an error that names it, not a failure at first use. */
import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { OmcpError } from "../errors.ts";
import { databaseAccess } from "./database_access.ts";
import { type PermissionNeeds, serverPermissions } from "./launch.ts";

/**
 * Checks the process's permissions against the settings.
 *
 * @param config The settings.
 * @throws {OmcpError} `config_invalid` naming every flag that is missing.
 */
export function requirePermissions(config: Config): void {
  const { net, read, write } = serverPermissions(needsOf(config));
  const missing = [
    ...net.filter((host) => !isGranted({ name: "net", host })).map((host) => `--allow-net=${host}`),
    ...read.filter((path) => !isGranted({ name: "read", path })).map((path) => `--allow-read=${path}`),
    ...write.filter((path) => !isGranted({ name: "write", path })).map((path) => `--allow-write=${path}`),
  ];
  if (missing.length === 0) return;
  throw new OmcpError("config_invalid", `Cannot start: Deno's permissions lack ${missing.join(" ")}`, {
    next:
      "Add these to the flags before src/main.ts, with the paths spelled as here; the README has the whole line under Permissions.",
  });
}

function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

function needsOf({ dockerHost, database, auditFile, packages, exchangeFolder }: Config): PermissionNeeds {
  return {
    socketPath: dockerHost.replace(/^unix:\/\//, ""),
    guardFolder: database.kind === "none" ? undefined : guardFolder(),
    ...(database.kind === "url"
      ? databaseAccess(database.url)
      : { databaseHost: undefined, databaseFiles: [] }),
    auditFile,
    constraintsFile: packages.mode === "off" ? undefined : packages.constraintsFile,
    exchangeFolder,
  };
}

/** Undefined in a compiled program, which contains its modules. */
function guardFolder(): string | undefined {
  const worker = new URL("../postgres/guard/worker.ts", import.meta.url);
  if (worker.protocol !== "file:" || Deno.build.standalone) return undefined;
  return fileURLToPath(new URL(".", worker)).replace(/\/$/, "");
}
