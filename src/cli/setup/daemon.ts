import { OmcpError } from "../../errors.ts";
import { runCommand } from "./command.ts";
import type { Progress } from "../../image_setup/mod.ts";

/** The file with the process id of a daemon that set-up started in the background. */
export const PID_FILE = "/run/omcp/dockerd.pid";
/** Its log. */
export const LOG_FILE = "/var/log/omcp-dockerd.log";

/** A daemon that set-up has started. */
export interface StartedDaemon {
  /** Why it has exited; undefined while it runs. */
  failure(): Promise<string | undefined>;
}

/** Causes of a failed start, by a pattern of the daemon's log. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [
    /devices cgroup isn't mounted|cgroups?[^\n]*not (?:mounted|found)/i,
    "The kernel's control groups are not mounted: `mount -t cgroup2 none /sys/fs/cgroup`.",
  ],
  [
    /error initializing graphdriver|driver not supported|overlay[^\n]*(?:invalid argument|not supported)/i,
    "Its storage driver overlay2 does not work here: /var/lib/docker must lie on ext4 or xfs (with ftype=1), not on another overlay. Mount such a file system there; `dockerd --storage-driver vfs` works anywhere, but is slow and large.",
  ],
  [
    /iptables[^\n]*(?:failed|not found|permission denied|no chain)|failed to create NAT chain/i,
    "It cannot set up its bridge network with iptables: the kernel's modules are missing, or this is a container without the right to (NET_ADMIN).",
  ],
  [
    /pid file found|process with PID \d+ is still running/i,
    "Another dockerd is running but does not respond: stop it, or wait for it.",
  ],
  [
    /permission denied|operation not permitted/i,
    "It lacks rights that a container usually does not have: run set-up on the machine itself, or in a privileged container.",
  ],
];

/**
 * Whether a Docker daemon is installed.
 *
 * @returns Whether `dockerd` can be run.
 */
export async function daemonIsInstalled(): Promise<boolean> {
  const end = await runCommand(["dockerd", "--version"], { deadlineMs: 10_000 });
  return end.kind === "exited" && end.code === 0;
}

/**
 * Whether a Docker daemon is running, even if it does not respond yet.
 *
 * @returns Whether a process is called `dockerd`; false if there is no /proc.
 */
export async function daemonRuns(): Promise<boolean> {
  try {
    for await (const entry of Deno.readDir("/proc")) {
      if (/^\d+$/.test(entry.name) && await nameOf(entry.name) === "dockerd") return true;
    }
  } catch {
    // There is no /proc.
  }
  return false;
}

/**
 * Starts `dockerd` in the background, in a session of its own, so that it outlives set-up. It must be run as root on Linux.
 *
 * @param progress Receives a line with the places of its process id and its log.
 * @returns A handle that reports its failure.
 * @throws {OmcpError} `engine_unreachable` if it cannot even be started.
 */
export async function startDaemon(progress: Progress): Promise<StartedDaemon> {
  await Deno.mkdir("/run/omcp", { recursive: true, mode: 0o755 });
  await mountControlGroups(progress);
  progress(`starting the engine in the background (pid in ${PID_FILE}, log in ${LOG_FILE})`);
  const logged = await size(LOG_FILE);
  // The shell only redirects; setsid forks, so that the daemon is not a child of this process.
  const script = 'exec setsid --fork dockerd --pidfile "$0" >>"$1" 2>&1 </dev/null';
  const end = await runCommand(["sh", "-c", script, PID_FILE, LOG_FILE], { deadlineMs: 10_000 });
  if (end.kind !== "exited" || end.code !== 0) {
    throw new OmcpError(
      "engine_unreachable",
      "Cannot start the container engine: setsid or dockerd cannot be run",
      {
        next: "Start dockerd by hand, then run the set-up again.",
      },
    );
  }
  const started = performance.now();
  return {
    async failure() {
      // It writes its pid file a moment after its start.
      if (performance.now() - started < 2_000 || await isRunning()) return undefined;
      return explainLog(await readFrom(LOG_FILE, logged));
    },
  };
}

/**
 * Explains why a daemon exited, from its log.
 *
 * @param log The log.
 * @returns The cause, if it is known, and the log's last lines.
 */
export function explainLog(log: string): string {
  const known = CAUSES.find(([pattern]) => pattern.test(log))?.[1];
  const last = log.trim().split("\n").slice(-3).map((line) => line.slice(0, 400)).join(" | ");
  return `${known ?? `Read its log, ${LOG_FILE}.`} Last lines: ${last || "none"}`;
}

/** Mounts the unified control group hierarchy if the machine's init has not done so. */
async function mountControlGroups(progress: Progress): Promise<void> {
  const mounts = await Deno.readTextFile("/proc/mounts");
  if (/^\S+ \S+ cgroup2? /m.test(mounts)) return;
  progress("mounting the kernel's control groups at /sys/fs/cgroup");
  await runCommand(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], { deadlineMs: 10_000 });
}

async function nameOf(pid: string): Promise<string> {
  try {
    return (await Deno.readTextFile(`/proc/${pid}/comm`)).trim();
  } catch {
    // It has exited in the meantime.
    return "";
  }
}

async function isRunning(): Promise<boolean> {
  try {
    const pid = Number((await Deno.readTextFile(PID_FILE)).trim());
    return Number.isInteger(pid) && (await Deno.stat(`/proc/${pid}`)).isDirectory;
  } catch {
    return false;
  }
}

async function size(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch {
    return 0;
  }
}

async function readFrom(path: string, offset: number): Promise<string> {
  try {
    const bytes = await Deno.readFile(path);
    return new TextDecoder().decode(bytes.subarray(offset));
  } catch {
    return "";
  }
}
