import type { DatabaseLocation } from "../cdm/settings.ts";
import { parseDatabaseUrl } from "../postgres/mod.ts";

/**
 * Names a database without its secrets.
 *
 * @param location Where it is.
 * @returns As in `OMCP_DATABASE_URL`, but of a URL only the server and the database.
 */
export function databaseName(location: DatabaseLocation): string {
  if (location.kind === "local") return `local:${location.name}`;
  if (location.kind !== "url") return location.kind;
  const { target, database } = parseDatabaseUrl(location.url);
  const server = target.kind === "tcp" ? `${target.host}:${target.port}` : target.path;
  return `${server}/${database}`;
}
