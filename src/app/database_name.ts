import type { DatabaseLocation } from "../cdm/settings.ts";
import { parseDatabaseUrl, serverName } from "../postgres/mod.ts";

/**
 * Names a database without its secrets.
 *
 * @param location Where it is.
 * @returns As in `OMCP_DATABASE_URL`, but of a URL only the server and the database.
 */
export function databaseName(location: DatabaseLocation): string {
  if (location.kind === "local") return `local:${location.name}`;
  if (location.kind !== "url") return location.kind;
  const address = parseDatabaseUrl(location.url);
  return `${serverName(address)}/${address.database}`;
}
