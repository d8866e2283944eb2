/** The command line that serves a CDM after `omcp cdm` has loaded it into the Postgres of a URL. */
import { fileURLToPath } from "node:url";
import { databaseAccess } from "../app/database_access.ts";
import { serverArguments } from "../app/launch.ts";
import { denoCommand, ownCommand } from "../lib/own_command.ts";
import { PACKAGED } from "../lib/packaged.ts";
import { parseDatabaseUrl } from "../postgres/mod.ts";

/** A CDM in the Postgres of a URL. */
export interface ServedCdm {
  /** The URL of the load; it may contain an administrator's password. */
  readonly url: string;
  readonly schema: string;
  /** The role that may read it. */
  readonly role: string;
  /** The engine's socket, as in `DOCKER_HOST`; undefined for the usual one. */
  readonly engine?: string | undefined;
}

/**
 * Writes the line: the load's URL with the reader in place of the administrator, and in a checkout the whole command, because the task
 * `start` does not permit connections to a database.
 *
 * @param cdm The CDM.
 * @returns The line for a shell, with PASSWORD to be replaced; it does not contain the administrator's name and password.
 * @throws {OmcpError} `config_invalid` for an unusable URL.
 */
export function serveLine({ url, schema, role, engine }: ServedCdm): string {
  const socket = engine === undefined ? {} : { socketPath: engine.replace(/^unix:\/\//, "") };
  const settings = [
    ...(engine === undefined ? [] : [`DOCKER_HOST=${quoted(engine)}`]),
    `OMCP_DATABASE_URL=${quoted(readerUrl(url, role))}`,
    ...(schema === "cdm" ? [] : [`OMCP_CDM_SCHEMA=${schema}`]),
    "OMCP_DISCLOSURE=open",
  ];
  const command = PACKAGED || Deno.build.standalone
    ? ownCommand("start")
    : [...denoCommand(), ...serverArguments({ project: checkout(), ...socket, ...databaseAccess(url) })].map(
      quoted,
    )
      .join(" ");
  return `${settings.join(" ")} ${command}`;
}

/** An absolute path, so that the line works in any folder. */
function checkout(): string {
  return fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
}

function readerUrl(text: string, role: string): string {
  const { target, database } = parseDatabaseUrl(text);
  const url = new URL(text);
  const parameters = new URLSearchParams(url.search);
  parameters.delete("user");
  const path = `/${encodeURIComponent(database)}`;
  const search = decodeURIComponent(parameters.toString());
  const suffix = search === "" ? "" : `?${search}`;
  const login = `${encodeURIComponent(role)}:PASSWORD`;
  // A URL without a host cannot have a user name before the host.
  if (target.kind === "unix" && url.host === "") {
    return `postgres://${path}${suffix}&user=${encodeURIComponent(role)}`;
  }
  return `postgres://${login}@${url.host}${path}${suffix}`;
}

/** A word for a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
