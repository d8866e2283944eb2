/** How a packaged program is started: the permissions of each command, by its arguments and the environment. */
import { parseArgs } from "node:util";
import { OmcpError } from "../../errors.ts";
import { CERTIFICATE_VARIABLES } from "../../lib/host_certificates.ts";
import { readConfig, type ReadVariable, SETTINGS } from "../../app/config.ts";
import { databaseAccess } from "../../app/database_access.ts";
import {
  ENVIRONMENT_FLAG,
  MEMORY_FLAGS,
  permissionList,
  serverFlags,
  type ServerPermissions,
  serverPermissions,
} from "../../app/launch.ts";
import type { Settings } from "../../app/environment.ts";
import { permissionNeeds } from "../../app/permission_needs.ts";
import { CDM_OPTIONS } from "../cdm_options.ts";

/** Deno runs the given file alone: it reads no configuration of the folder that it starts in, and downloads nothing. */
const ALONE = [
  "run",
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-npm",
  "--no-remote",
  "--cached-only",
] as const;

/** Deno's arguments to ask the program for those of a command. It reads the environment and the file of settings that it names. */
export const ASK_ARGUMENTS: readonly string[] = [...ALONE, "--no-prompt", "--allow-read", ENVIRONMENT_FLAG];

const NOTHING: ServerPermissions = { net: [], read: [], write: [] };

/**
 * Deno's arguments to run a command of a packaged program, up to the program's file.
 *
 * @param settings The command and its arguments (none: `serve`), the settings, and the file that has some of them.
 * @returns The arguments. A wrong call or setting gets no permission but for the environment: the command itself reports it.
 * @throws {OmcpError} `invalid_argument` for a path with a comma, which Deno's flags cannot express.
 */
export function packagedArguments(settings: PackagedCall): string[] {
  return [...ALONE, MEMORY_FLAGS, ...commandFlags(settings)];
}

/** A call of a packaged program. */
export type PackagedCall = Pick<Settings, "args" | "read"> & { readonly file?: string | undefined };

function commandFlags({ args: [name = "serve", ...args], read, file }: PackagedCall): string[] {
  const files = file === undefined ? [] : [file];
  switch (name) {
    case "serve":
    case "doctor":
      return serverCommandFlags(read, files);
    case "cdm": {
      const permissions = cdmPermissions(args, read);
      return permissionList({ ...permissions, read: [...permissions.read, ...files] });
    }
    case "load":
    case "bundle": {
      const permissions = archivePermissions(name, args, read);
      return permissionList({ ...permissions, read: [...permissions.read, ...files] });
    }
    case "setup":
      // It may install and start an engine: a process that may run any program has all rights of its user.
      return ["--allow-all"];
    default:
      return permissionList({ ...NOTHING, read: files });
  }
}

function serverCommandFlags(read: ReadVariable, files: readonly string[]): string[] {
  let needs: ReturnType<typeof permissionNeeds>;
  try {
    // The packaged program contains the guard's worker.
    needs = { ...permissionNeeds(readConfig(read)), guardFolder: undefined };
  } catch (error) {
    if (error instanceof OmcpError) return permissionList({ ...NOTHING, read: files });
    throw error;
  }
  const permissions = serverPermissions(needs);
  const certificates = CERTIFICATE_VARIABLES.flatMap((name) => {
    const path = read(name);
    // The server does without a bundle that it may not read.
    return path?.startsWith("/") && !path.includes(",") ? [path] : [];
  });
  return serverFlags({ ...permissions, read: [...permissions.read, ...files, ...certificates] });
}

/** `omcp cdm`, by those of its arguments that name files, folders and databases. */
function cdmPermissions(args: readonly string[], read: ReadVariable): ServerPermissions {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch {
    return NOTHING;
  }
  const { values, positionals } = parsed;
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
  return {
    ...engine,
    read: [...engine.read, ...paths],
    write: [...engine.write, ...(name === "load" ? [] : paths)],
  };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: CDM_OPTIONS, allowPositionals: true });
}

function enginePermissions(read: ReadVariable): ServerPermissions {
  const socketPath = (read("DOCKER_HOST") || SETTINGS.DOCKER_HOST.default).replace(/^unix:\/\//, "");
  return serverPermissions({
    socketPath,
    guardFolder: undefined,
    databaseHost: undefined,
    databaseFiles: [],
    auditFile: undefined,
    constraintsFile: undefined,
    exchangeFolder: undefined,
  });
}

function databasePermissions(url: string): ServerPermissions {
  try {
    const { databaseHost, databaseFiles } = databaseAccess(url);
    return { net: [databaseHost], read: databaseFiles, write: [] };
  } catch (error) {
    if (error instanceof OmcpError) return NOTHING;
    throw error;
  }
}
