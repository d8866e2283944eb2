/** Looks at start whether Deno grants what the server will need: a flag that is missing is better told then than at first use. */
import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { OmcpError } from "../errors.ts";
import { parseDatabaseUrl } from "../postgres/mod.ts";

interface Need {
  readonly flag: string;
  readonly descriptor: Deno.PermissionDescriptor;
}

/**
 * Checks the process's permissions against the settings.
 *
 * @param config The settings.
 * @throws {OmcpError} `config_invalid` naming every flag that is missing.
 */
export function requirePermissions(config: Config): void {
  const missing = needs(config).filter(({ descriptor }) =>
    Deno.permissions.querySync(descriptor).state !== "granted"
  );
  if (missing.length === 0) return;
  const flags = missing.map(({ flag }) => flag).join(" ");
  throw new OmcpError("config_invalid", `Cannot start: Deno's permissions lack ${flags}`, {
    next:
      "Add what is named to the flags before src/main.ts, with the paths spelled as here; the README has the whole line under Permissions.",
  });
}

function needs(config: Config): Need[] {
  const socket = config.dockerHost.replace(/^unix:\/\//, "");
  const found: Need[] = [
    net(`unix:${socket}`),
    net("docker.invalid:80"),
    read(socket),
    write(socket),
  ];
  if (config.auditFile !== undefined) found.push(write(config.auditFile));
  if (config.database.kind === "none") return found;
  const guard = new URL("../postgres/guard/worker.ts", import.meta.url);
  // In a compiled binary the modules are inside it.
  if (guard.protocol === "file:" && !Deno.build.standalone) {
    found.push(read(fileURLToPath(new URL(".", guard)).replace(/\/$/, "")));
  }
  if (config.database.kind === "url") {
    const { target, rootCertificate } = parseDatabaseUrl(config.database.url);
    found.push(
      ...target.kind === "tcp"
        ? [net(`${target.host.includes(":") ? `[${target.host}]` : target.host}:${target.port}`)]
        : [net(`unix:${target.path}`), read(target.path)],
    );
    if (rootCertificate !== undefined) found.push(read(rootCertificate));
  }
  return found;
}

function net(host: string): Need {
  return { flag: `--allow-net=${host}`, descriptor: { name: "net", host } };
}

function write(path: string): Need {
  return { flag: `--allow-write=${path}`, descriptor: { name: "write", path } };
}

function read(path: string): Need {
  return { flag: `--allow-read=${path}`, descriptor: { name: "read", path } };
}
