/** How to serve a CDM after `omcp cdm` has loaded it: a command line for a shell, and a client's configuration. */
import { fileURLToPath } from "node:url";
import { engineAccess, type EngineLocation } from "../app/engine_access.ts";
import { databaseAccess } from "../app/database_access.ts";
import { serverArguments } from "../app/launch.ts";
import { denoCommand, ownCommand } from "../lib/own_command.ts";
import { PACKAGED } from "../lib/packaged.ts";
import { parseDatabaseUrl } from "../postgres/mod.ts";

/** A CDM in a volume, or in the Postgres of a URL. */
export type ServedCdm =
  & (
    | { readonly kind: "local"; readonly name: string }
    | {
      readonly kind: "url";
      /** The URL of the load; it may contain an administrator's password. */
      readonly url: string;
      readonly schema: string;
      /** The role that may read it. */
      readonly role: string;
    }
  )
  & {
    /** Where the engine is; undefined for the usual socket. */
    readonly engine?: EngineLocation | undefined;
  };

/**
 * Writes the line. In a checkout it is the whole command, because the task `start` works only in the project's folder, with the usual socket and
 * without a database by URL. A database by URL appears with the load's URL, with the reader in place of the administrator.
 *
 * @param cdm The CDM.
 * @returns The line for a shell, for a URL with PASSWORD to be replaced; it does not contain the administrator's name and password.
 * @throws {OmcpError} `config_invalid` for an unusable URL.
 */
export function serveLine(cdm: ServedCdm): string {
  const settings = Object.entries(settingsOf(cdm)).map(([name, value]) => `${name}=${quoted(value)}`);
  return [...settings, ...commandOf(cdm).map(quoted)].join(" ");
}

/**
 * Writes the same as a client's configuration.
 *
 * @param cdm The CDM.
 * @returns JSON, as most clients read it.
 * @throws {OmcpError} `config_invalid` for an unusable URL.
 */
export function clientConfiguration(cdm: ServedCdm): string {
  const [command, ...args] = commandOf(cdm);
  const server = { command, args, env: settingsOf(cdm) };
  return JSON.stringify({ mcpServers: { "omcp-python-sandbox": server } }, null, 2);
}

function settingsOf(cdm: ServedCdm): Readonly<Record<string, string>> {
  return {
    ...(cdm.engine === undefined ? {} : { DOCKER_HOST: cdm.engine.host }),
    ...(cdm.engine?.certificates === undefined
      ? {}
      : { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: cdm.engine.certificates }),
    OMCP_DATABASE_URL: cdm.kind === "local" ? `local:${cdm.name}` : readerUrl(cdm.url, cdm.role),
    ...(cdm.kind === "local" || cdm.schema === "cdm" ? {} : { OMCP_CDM_SCHEMA: cdm.schema }),
    OMCP_DISCLOSURE: "open",
  };
}

function commandOf(cdm: ServedCdm): readonly string[] {
  if (PACKAGED || Deno.build.standalone) return ownCommand("start").split(" ");
  const engine = cdm.engine === undefined ? {} : engineAccess(cdm.engine);
  const access = cdm.kind === "local" ? {} : databaseAccess(cdm.url);
  return [...denoCommand(), ...serverArguments({ project: checkout(), ...engine, ...access })];
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
