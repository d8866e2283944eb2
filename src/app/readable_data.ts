import { createHash } from "node:crypto";
import { parseDatabaseUrl } from "../postgres/mod.ts";
import type { Config } from "./config.ts";
import { databaseName } from "./database_name.ts";

/**
 * What code in sandboxes can read under these settings: the mode of disclosure, the database, its role, and the folders.
 *
 * @param config The settings.
 * @returns A hash, equal for equal settings. It has no part of a password, and so cannot help to guess one.
 */
export function readableData({ database, disclosure, cdmSchema, datasets }: Config): string {
  const role = database.kind === "url" ? parseDatabaseUrl(database.url).user : "";
  const data = [disclosure === undefined, databaseName(database), role, cdmSchema, datasets];
  return createHash("sha256").update(JSON.stringify(data)).digest("hex");
}
