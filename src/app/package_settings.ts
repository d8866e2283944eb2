/** What the settings and the host's environment say about packages: index, proxies, certificate authorities, constraints. */
import { OmcpError } from "../errors.ts";
import { errorMessage } from "../lib/error_message.ts";
import { CERTIFICATE_VARIABLES, hostCertificates } from "../lib/host_certificates.ts";
import type { PackageSettings, PackageSite } from "../sandbox/mod.ts";
import type { PackageConfig, ReadVariable } from "./config.ts";
import { permitted } from "./permitted.ts";

/** Variables that name the index, by precedence. */
const INDEXES = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"] as const;
const PROXIES = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
] as const;
/** Longest file of constraints, in bytes. */
const MAX_CONSTRAINTS = 256 * 1024;

/** Variables of the environment that lead to the index; the server does without those that it may not read. */
export const INDEX_VARIABLES: readonly string[] = [...INDEXES, ...PROXIES, ...CERTIFICATE_VARIABLES];

/**
 * What installations need to know.
 *
 * @param config The settings.
 * @param read Looks a variable of the environment up.
 * @param resolverImage An image with uv.
 * @returns Undefined if nothing may be installed.
 * @throws {OmcpError} `config_invalid` for an allow-list without a name, or a file of constraints that cannot be read.
 */
export async function packageSettings(
  config: PackageConfig,
  read: ReadVariable,
  resolverImage: string,
): Promise<PackageSettings | undefined> {
  const { mode, allowed, network } = config;
  if (mode === "off") return undefined;
  if (mode === "allowlist" && allowed.size === 0) {
    throw new OmcpError(
      "config_invalid",
      "Cannot start: OMCP_PACKAGES is allowlist, and OMCP_PACKAGES_ALLOWLIST is empty",
      {
        next: "Name the packages that may be installed, or set OMCP_PACKAGES=off.",
      },
    );
  }
  // A wrong file is an error now, not at the first call.
  await constraints(config.constraintsFile);
  return { mode, allowed, network, resolverImage, site: () => site(config, permitted(read)) };
}

async function site({ index, constraintsFile }: PackageConfig, read: ReadVariable): Promise<PackageSite> {
  const environment: Record<string, string> = {};
  const found = index ??
    INDEXES.map((name) => read(name)).find((value) => value !== undefined && value !== "");
  if (found !== undefined) environment["UV_DEFAULT_INDEX"] = found;
  for (const name of PROXIES) {
    const value = read(name);
    if (value !== undefined && value !== "") environment[name] = value;
  }
  return {
    environment,
    certificates: await hostCertificates(read),
    constraints: await constraints(constraintsFile),
  };
}

async function constraints(path: string | undefined): Promise<string> {
  if (path === undefined) return "";
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile || size > MAX_CONSTRAINTS) {
      throw new Error(`it must be a file of at most ${MAX_CONSTRAINTS} bytes`);
    }
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new OmcpError(
      "config_invalid",
      `Cannot read OMCP_PACKAGES_CONSTRAINTS: ${errorMessage(cause)}`,
      {
        state: "Nothing was installed.",
        next: "Correct the setting or the file.",
        cause,
      },
    );
  }
}
