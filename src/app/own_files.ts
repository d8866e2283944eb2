/** Files of the server that no sandbox may read, and that nothing may replace through the exchange folder. */
import { fileURLToPath } from "node:url";
import type { DatabaseLocation } from "../cdm/settings.ts";
import { PACKAGED } from "../lib/packaged.ts";
import { engineAccess, type EngineLocation } from "./engine_access.ts";
import { databaseAccess } from "./database_access.ts";

/** Settings that name files. */
export interface OwnFileSettings {
  readonly engine: EngineLocation;
  readonly auditFolder: string | undefined;
  readonly ledgerFolder: string | undefined;
  readonly constraintsFile: string | undefined;
  readonly imageFile: string | undefined;
  readonly database: DatabaseLocation;
}

/**
 * The engine's socket or the client's certificates, the audit, the ledger, the constraints, the images' archive, the database's socket and its certificates.
 *
 * @param settings See {@link OwnFileSettings}.
 */
export function ownFiles(settings: OwnFileSettings): (string | undefined)[] {
  const { engine, auditFolder, ledgerFolder, constraintsFile, imageFile, database } = settings;
  return [
    ...engineFiles(engine),
    auditFolder,
    ledgerFolder,
    constraintsFile,
    imageFile,
    ...databaseFiles(database),
  ];
}

/** The folder of the server's own modules: if an export could write there, the next start would run it. Undefined in a compiled program, which contains them. */
export function ownFolder(): string | undefined {
  // A package has its program in a folder beside the launcher.
  const folder = new URL(PACKAGED ? ".." : "../..", import.meta.url);
  if (folder.protocol !== "file:" || Deno.build.standalone) return undefined;
  return fileURLToPath(folder).replace(/\/$/, "");
}

function engineFiles(engine: EngineLocation): readonly (string | undefined)[] {
  try {
    const { socketPath, engineFiles = [] } = engineAccess(engine);
    return [socketPath, ...engineFiles];
  } catch {
    // An address that cannot be used ends the start elsewhere.
    return [];
  }
}

function databaseFiles(database: DatabaseLocation): readonly string[] {
  if (database.kind !== "url") return [];
  try {
    return databaseAccess(database.url).databaseFiles;
  } catch {
    // A URL that cannot be used ends the start elsewhere.
    return [];
  }
}
