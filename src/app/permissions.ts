/** Checks Deno's permissions at the start: a missing flag is an error that names it, not a failure at first use. */
import type { Config } from "./config.ts";
import { OmcpError } from "../errors.ts";
import { serverPermissions } from "./launch.ts";
import { permissionNeeds } from "./permission_needs.ts";

/**
 * Checks the process's permissions against the settings.
 *
 * @param config The settings.
 * @throws {OmcpError} `config_invalid` naming every flag that is missing.
 */
export function requirePermissions(config: Config): void {
  const { net, read, write } = serverPermissions(permissionNeeds(config));
  const missing = [
    ...net.filter((host) => !isGranted({ name: "net", host })).map((host) => `--allow-net=${host}`),
    ...read.filter((path) => !isGranted({ name: "read", path })).map((path) => `--allow-read=${path}`),
    ...write.filter((path) => !isGranted({ name: "write", path })).map((path) => `--allow-write=${path}`),
  ];
  if (missing.length === 0) return;
  throw new OmcpError("config_invalid", `Cannot start: Deno's permissions lack ${missing.join(" ")}`, {
    next:
      "Add these to the flags before src/main.ts, with the paths spelled as here; docs/settings.md has the whole line under Permissions.",
  });
}

function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}
