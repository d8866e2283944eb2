/** How a packaged program is started: the permissions of each command, by its arguments and the environment. */
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { OmcpError } from "../../errors.ts";
import { CERTIFICATE_VARIABLES, SYSTEM_BUNDLES } from "../../lib/host_certificates.ts";
import { engineAccess, engineLocation } from "../../app/engine_access.ts";
import { type Config, readConfig, type ReadVariable } from "../../app/config.ts";
import { type ProcessEnvironment, settingsFile, settingsReader } from "../../app/environment.ts";
import { databaseAccess } from "../../app/database_access.ts";
import {
  ENVIRONMENT_FLAG,
  MEMORY_FLAGS,
  permissionList,
  type ServerPermissions,
  serverPermissions,
} from "../../app/launch.ts";
import { permissionNeeds } from "../../app/permission_needs.ts";
import { usableConfig } from "../../app/usable_config.ts";
import { PROGRAM_FILE } from "../program_files.ts";
import { AUDIT_OPTIONS } from "../audit_options.ts";
import { CDM_OPTIONS } from "../cdm_options.ts";

/** Deno runs the given file alone: it reads no configuration of the folder that it starts in, and downloads nothing. */
export const ALONE = [
  "run",
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-npm",
  "--no-remote",
  "--cached-only",
] as const;

/** Deno's arguments for the first start of the program, which only finds the arguments of a command. It may read the environment, and nothing else. */
export const ASK_ARGUMENTS: readonly string[] = [...ALONE, "--no-prompt", ENVIRONMENT_FLAG];

const NOTHING: ServerPermissions = { net: [], read: [], write: [] };
/** `setup` may install and start an engine: a process that may run any program has all rights of its user. */
const ALL = Symbol("all permissions");
const HELP: ReadonlySet<string> = new Set(["help", "--help", "-h", "--version"]);

/** What the launcher does next. */
export interface LaunchAnswer {
  /** Deno's arguments up to the file of the program. */
  readonly arguments: readonly string[];
  /** Whether these arguments start the program once more to find those of the command, now with the file of settings readable; if not, they are the command's. */
  readonly again: boolean;
}

/**
 * Finds Deno's arguments for a command of a packaged program.
 *
 * @param args The command and its arguments, as the user typed them; empty: `serve`.
 * @param environment Where variables are.
 * @param mayRead Whether this process may read a file.
 * @returns The arguments. If the call or a setting is wrong, the command may read only the environment and the file of settings, and reports the
 * mistake. Only `omcp doctor` also gets the permissions that the other settings need.
 * @throws {OmcpError} `invalid_argument` for a path with a comma, which Deno's flags cannot express.
 */
export function packagedLaunch(
  args: readonly string[],
  environment: ProcessEnvironment,
  mayRead: (path: string) => boolean,
): LaunchAnswer {
  const found = unlessRefused(() => settingsFile(args, environment));
  if (found === undefined || args.some((word) => HELP.has(word))) return running(permissionList(NOTHING));
  const { path, rest } = found;
  if (path !== undefined && !mayRead(path)) {
    return { arguments: [...ALONE, ...permissionList({ ...NOTHING, read: [path] })], again: true };
  }
  const read = unlessRefused(() => settingsReader(path, environment));
  const permissions = read === undefined ? NOTHING : commandPermissions(rest, read);
  if (permissions === ALL) return running(["--allow-all"]);
  return running(
    permissionList({ ...permissions, read: [...permissions.read, ...(path === undefined ? [] : [path])] }),
  );
}

function running(flags: readonly string[]): LaunchAnswer {
  return { arguments: [...ALONE, MEMORY_FLAGS, ...flags], again: false };
}

/** Undefined if a call or setting is wrong. */
function unlessRefused<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof OmcpError) return undefined;
    throw error;
  }
}

function commandPermissions(
  [first, ...others]: readonly string[],
  read: ReadVariable,
): ServerPermissions | typeof ALL {
  // Without a name, the options are those of the default command.
  const [name, args] = first === undefined || first.startsWith("-") ? ["serve", []] : [first, others];
  switch (name) {
    case "serve":
      return unlessRefused(() => serverCommandPermissions(readConfig(read), read)) ?? NOTHING;
    case "doctor":
      return doctorPermissions(read);
    case "cdm":
      return cdmPermissions(args, read);
    case "load":
    case "bundle":
      return archivePermissions(name, args, read);
    case "audit":
      return { ...NOTHING, read: parsed(args, AUDIT_OPTIONS)?.positionals.slice(1) ?? [] };
    case "setup":
      return ALL;
    default:
      return NOTHING;
  }
}

/**
 * The doctor checks what it can with the defaults of settings that are wrong.
 *
 * A database's URL that nothing can use is wrong, too; the doctor's check of the database reports it.
 */
function doctorPermissions(read: ReadVariable): ServerPermissions {
  const config = unlessRefused(() => usableConfig(read, []).config);
  if (config === undefined) return NOTHING;
  return unlessRefused(() => serverCommandPermissions(config, read)) ??
    serverCommandPermissions({ ...config, database: { kind: "none" } }, read);
}

function serverCommandPermissions(config: Config, read: ReadVariable): ServerPermissions {
  // The packaged program contains the guard's worker.
  const permissions = serverPermissions({ ...permissionNeeds(config), guardFolder: undefined });
  const certificates = CERTIFICATE_VARIABLES.flatMap((name) => {
    const path = read(name);
    // The server does without a bundle that it may not read.
    return path?.startsWith("/") && !path.includes(",") ? [path] : [];
  });
  return { ...permissions, read: [...permissions.read, ...certificates, ...SYSTEM_BUNDLES] };
}

/** The permissions of `omcp cdm`, by the arguments that name files, folders and databases. */
function cdmPermissions(args: readonly string[], read: ReadVariable): ServerPermissions {
  const call = parsed(args, CDM_OPTIONS);
  if (call === undefined) return NOTHING;
  const { values, positionals } = call;
  const [command, folder] = positionals;
  const rejects = values.rejects === undefined ? [] : [values.rejects];
  const files = {
    read: command === "load" && folder !== undefined ? [folder, ...rejects] : [],
    write: rejects,
  };
  const url = values["database-url"] ?? (read("OMCP_ADMIN_URL") || undefined);
  const destination = ["list", "remove"].includes(command ?? "") || values.into !== undefined
    ? enginePermissions(read)
    : url === undefined
    ? NOTHING
    : databasePermissions(url);
  return {
    net: destination.net,
    read: [...destination.read, ...files.read],
    write: [...destination.write, ...files.write],
  };
}

/** `omcp load FILE` reads an archive; `omcp bundle FILE` writes one, under another name until it is complete. */
function archivePermissions(
  name: "load" | "bundle",
  args: readonly string[],
  read: ReadVariable,
): ServerPermissions {
  const engine = enginePermissions(read);
  const archive = args.find((arg) => !arg.startsWith("-"));
  if (archive === undefined) return NOTHING;
  const paths = name === "load" ? [archive] : [archive, `${archive}.part`];
  // The one file, which is a part of the archive, names itself.
  const self = name === "load" ? undefined : read(PROGRAM_FILE);
  return {
    ...engine,
    read: [...engine.read, ...paths, ...(self ? [self] : [])],
    write: [...engine.write, ...(name === "load" ? [] : paths)],
  };
}

/** Undefined for a wrong call. */
function parsed<T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch {
    return undefined;
  }
}

function enginePermissions(read: ReadVariable): ServerPermissions {
  const access = unlessRefused(() => engineAccess(engineLocation(read)));
  return access === undefined ? NOTHING : serverPermissions(access);
}

function databasePermissions(url: string): ServerPermissions {
  const access = unlessRefused(() => databaseAccess(url));
  if (access === undefined) return NOTHING;
  return { net: [access.databaseHost], read: access.databaseFiles, write: [] };
}
