import { parseEnv } from "node:util";
import { OmcpError } from "../../errors.ts";
import { exists, readTextOr } from "../../lib/files.ts";
import { runCommand } from "./command.ts";
import { type Progress, ProgressDigest } from "../../image_setup/mod.ts";

/** The facts that decide whether set-up may install something. */
export interface HostFacts {
  /** `PRETTY_NAME` of /etc/os-release, or the operating system's kind. */
  readonly name: string;
  /** Whether apt-get installs its packages. */
  readonly debianLike: boolean;
  readonly root: boolean;
  /** Whether systemd runs the machine. */
  readonly systemd: boolean;
}

/** The deadline of one apt-get, in milliseconds. */
const APT_DEADLINE_MS = 10 * 60_000;

/** apt's package lists. */
const LISTS = "/var/lib/apt/lists";

/**
 * Reads the facts of this host.
 *
 * @returns The facts.
 */
export async function hostFacts(): Promise<HostFacts> {
  const release = parseEnv(await readTextOr("/etc/os-release", ""));
  const families = `${release["ID"] ?? ""} ${release["ID_LIKE"] ?? ""}`.split(" ");
  return {
    name: release["PRETTY_NAME"] ?? Deno.build.os,
    debianLike: Deno.build.os === "linux" &&
      families.some((family) => family === "debian" || family === "ubuntu"),
    root: Deno.build.os !== "windows" && Deno.uid() === 0,
    systemd: await exists("/run/systemd/system"),
  };
}

/**
 * Installs packages of the distribution: only on Debian and its derivatives, and only as root.
 *
 * @param packages Their names.
 * @param options Progress and signal.
 * @throws {OmcpError} `config_invalid` if that is not possible or fails.
 */
export async function installPackages(
  packages: readonly string[],
  options: { readonly progress: Progress; readonly signal?: AbortSignal },
): Promise<void> {
  const host = await hostFacts();
  const command = `apt-get install ${packages.join(" ")}`;
  if (!host.debianLike || !host.root) {
    throw new OmcpError(
      "config_invalid",
      `Cannot install ${packages.join(", ")}: this is ${describe(host)}`,
      {
        state: "Nothing was installed.",
        next: host.debianLike
          ? `Run \`sudo ${command}\`, then the set-up again.`
          : `Install ${packages.join(", ")} by hand.`,
      },
    );
  }
  options.progress(`installing ${packages.join(", ")} from ${host.name}`);
  using digest = new ProgressDigest({ progress: options.progress, title: "apt-get" });
  if (!(await hasLists())) await aptGet(["update"], digest, options.signal);
  const install = ["install", "--yes", "--no-install-recommends", ...packages];
  if (await aptGet(install, digest, options.signal)) return;
  // Old lists name versions that the mirrors no longer have.
  await aptGet(["update"], digest, options.signal);
  if (await aptGet(install, digest, options.signal)) return;
  throw new OmcpError("config_invalid", `Cannot install ${packages.join(", ")}: apt-get failed`, {
    state: "Some of the packages may be installed.",
    next: `Run \`${command}\` by hand, fix the cause that it reports, then run the set-up again.`,
    details: { log: digest.tail },
  });
}

/**
 * Describes this host, for an error.
 *
 * @param host The facts.
 * @returns Such as "Fedora Linux 43, as an ordinary user".
 */
export function describe(host: HostFacts): string {
  return `${host.name}, ${host.root ? "as root" : "as an ordinary user"}`;
}

async function aptGet(
  args: readonly string[],
  digest: ProgressDigest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const end = await runCommand(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", ...args], {
    deadlineMs: APT_DEADLINE_MS,
    env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
    onLine(line) {
      digest.line(line);
    },
    ...(signal ? { signal } : {}),
  });
  return end.kind === "exited" && end.code === 0;
}

async function hasLists(): Promise<boolean> {
  try {
    for await (const entry of Deno.readDir(LISTS)) {
      if (/_Packages(?:\.\w+)?$/.test(entry.name)) return true;
    }
  } catch {
    // There is no such folder.
  }
  return false;
}
