/** What the server must be permitted to do, by its settings. */
import { fileURLToPath } from "node:url";
import { PACKAGED } from "../lib/packaged.ts";
import type { Config } from "./config.ts";
import { engineAccess } from "./engine_access.ts";
import { databaseAccess } from "./database_access.ts";
import type { PermissionNeeds } from "./launch.ts";

/**
 * Lists what the permissions of a server with these settings depend on.
 *
 * @param config The settings.
 * @throws {OmcpError} `config_invalid` for a database URL that cannot be used.
 */
export function permissionNeeds(config: Config): Required<PermissionNeeds> {
  const { engine, database, auditFolder, ledgerFolder, packages, exchangeFolder, imageSource } = config;
  return {
    ...engineAccess(engine),
    guardFolder: database.kind === "none" ? undefined : guardFolder(),
    ...(database.kind === "url"
      ? databaseAccess(database.url)
      : { databaseHost: undefined, databaseFiles: [] }),
    auditFolder,
    ledgerFolder,
    constraintsFile: packages.mode === "off" ? undefined : packages.constraintsFile,
    imageFile: imageSource.kind === "file" ? imageSource.path : undefined,
    exchangeFolder,
  };
}

/** Undefined in a compiled or packaged program, which contains the worker's modules. */
function guardFolder(): string | undefined {
  const worker = new URL("../postgres/guard/worker.ts", import.meta.url);
  if (PACKAGED || worker.protocol !== "file:" || Deno.build.standalone) return undefined;
  return fileURLToPath(new URL(".", worker)).replace(/\/$/, "");
}
