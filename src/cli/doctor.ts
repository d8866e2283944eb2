/** `omcp doctor`: checks everything that the server depends on, and reports each problem with its next step. */
import { parseArgs } from "node:util";
import { openCdmGateway } from "../cdm/gateway.ts";
import type { Config, ReadVariable } from "../app/config.ts";
import { linkedFolderProblem } from "../app/datasets.ts";
import { withOrigins } from "../app/environment.ts";
import { packageSettings } from "../app/package_settings.ts";
import { requirePermissions } from "../app/permissions.ts";
import type { Command } from "./command.ts";
import { connectEngine } from "../app/connect_engine.ts";
import { chosenOciRuntime } from "../app/usable_engine.ts";
import { DockerRuntime } from "../runtime/docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { ExchangeFolder } from "../exchange/mod.ts";
import { counted } from "../lib/counted.ts";
import { errorMessage } from "../lib/error_message.ts";
import {
  checkDatasets,
  type ExecutionOutcome,
  type ResourceMaximum,
  SandboxManager,
} from "../sandbox/mod.ts";
import { resourceMaximum } from "../app/resource_maximum.ts";
import { findImage, isPinned } from "../app/sandbox_images.ts";
import { sandboxPolicy } from "../app/sandbox_policy.ts";
import { usableConfig } from "../app/usable_config.ts";
import { imageReference } from "../images/identity.ts";
import { missingImage } from "../images/missing.ts";

const CELL_MS = 60_000;

/** The doctor's sandbox has no connection to the database, so there is nothing to audit. */
const NO_STATEMENTS = { record: () => {}, ready: () => true, keepsSource: false };

/** Checks that only code in the sandbox can make, after the server has compared the attestation with the policy. */
const INSIDE_CHECKS = `
import os, socket
def require_refused(what, action):
    try:
        action()
    except OSError:
        return
    raise SystemExit("a sandbox can " + what)
require_refused("create sockets", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
require_refused("write to the root file system", lambda: open("/omcp-doctor", "w"))
if any(word in name for name in os.environ for word in ("URL", "PASS", "TOKEN")):
    raise SystemExit("the environment of a sandbox has a variable that is named like a secret")
def process_limit():
    for path in ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"):
        try:
            with open(path) as file:
                if file.read().strip() != "max":
                    return "processes limited"
        except OSError:
            pass
    return "processes limited for its user, because the OCI runtime cannot limit the container's"
print("sockets refused, root file system read-only, no secrets in the environment, " + process_limit())
`;

/** `omcp doctor`. */
export const command: Command = {
  usage: [["doctor", "check the engine, the images, a sandbox from inside, the database role"]],
  help:
    `Checks everything that the server needs, with the server's own settings, and reports each problem with its next step: engine,
images, sizes against the machine, database and role, folders, and a sandbox from inside. Exits 1 if a check fails.`,
  async run({ args, read, unknown, origin, print }) {
    parseArgs({ args: [...args] });
    const { config, problem } = usableConfig(read, unknown);
    return await doctor(config, print, read, withOrigins(problem, origin));
  },
};

/**
 * Runs all checks and prints a line for each.
 *
 * @param settings The settings.
 * @param print Receives each line.
 * @param read Looks up an environment variable: where other engines may be.
 * @param wrong Why a server would not start with the settings. @default undefined
 * @returns 0 if all checks pass, else 1.
 */
export async function doctor(
  settings: Config,
  print: (line: string) => void,
  read: ReadVariable = () => undefined,
  wrong?: unknown,
): Promise<number> {
  // An instance of its own: the configured one's server would remove the doctor's sandbox. No ledger: that server has locked it.
  const config = { ...settings, instance: `doctor-${crypto.randomUUID()}`, ledgerFolder: undefined };
  let problems = 0;
  async function check<T>(
    what: string,
    run: () => { value: T; found: string } | Promise<{ value: T; found: string }>,
  ): Promise<T | undefined> {
    try {
      const { value, found } = await run();
      print(`ok    ${what}: ${found}`);
      return value;
    } catch (error) {
      problems += 1;
      print(`FAIL  ${what}: ${errorMessage(error)}`);
      if (error instanceof OmcpError) {
        for (const line of [error.state, error.next]) if (line !== undefined) print(`      ${line}`);
      }
      return undefined;
    }
  }

  await check("settings", async () => {
    if (wrong !== undefined) throw wrong;
    // What else ends the start of a server.
    requirePermissions(settings);
    await packageSettings(config.packages, read, imageReference("python"));
    return { value: undefined, found: "a server starts with them" };
  });
  const connected = await check("engine", async () => {
    const value = await connectEngine({ location: config.engine, read });
    const { engine, info } = value;
    const found =
      `${info.operatingSystem}, engine ${info.serverVersion}, API ${engine.apiVersion}, cgroup v${info.cgroupVersion}, ${info.storageDriver}`;
    return { value, found };
  });
  if (connected === undefined) {
    print(`${counted(problems, "check")} failed; the others need the engine.`);
    return 1;
  }
  const { engine, info } = connected;
  const runtime = new DockerRuntime(engine, info);
  await check("OCI runtime of sandboxes", () => {
    const chosen = chosenOciRuntime(config.ociRuntime, info);
    const origin = config.ociRuntime === undefined ? "the engine's default" : "OMCP_OCI_RUNTIME";
    return {
      value: undefined,
      found: `${chosen}, ${origin}; the engine has ${info.runtimes.toSorted().join(", ")}`,
    };
  });
  const name = config.image ?? imageReference("python");
  let image = name;
  for (const reference of [name, ...config.images, imageReference("postgres")]) {
    await check(`image ${reference}`, async () => {
      const id = await findImage(runtime, reference);
      const value = await engine.inspectImage(id);
      if (value === undefined) throw missingImage(reference);
      if (reference === name && isPinned(name)) image = id;
      return { value, found: `${Math.round(value.sizeBytes / 1e6)} MB` };
    });
  }
  await check("size of sandboxes", async () => {
    const machine = await runtime.resources();
    return { value: undefined, found: sizes(config, resourceMaximum(config, machine), machine) };
  });
  const cdm = await check("database", async () => {
    const gateway = await openCdmGateway(config, runtime, NO_STATEMENTS);
    if (gateway === undefined) return { value: undefined, found: "not configured" };
    try {
      return { value: gateway, found: await gateway.describe() };
    } catch (error) {
      await gateway.close();
      throw error;
    }
  });
  if (config.exchangeFolder !== undefined) {
    const folder = config.exchangeFolder;
    await check("exchange folder", async () => {
      await ExchangeFolder.open(folder, config.exchangeBytes);
      return { value: undefined, found: `${folder} can be read and written` };
    });
  }
  const policy = sandboxPolicy(config);
  let usable = policy;
  if (policy.datasets.length > 0) {
    const lines = await check("datasets", async () => {
      const lines = await checkDatasets({
        runtime,
        instance: config.instance,
        image,
        policy,
        unfit: linkedFolderProblem(config),
      });
      return { value: lines, found: lines.join("; ") };
    });
    // The sandbox would fail for the same reason, and hide what else is wrong inside.
    if (lines === undefined) usable = { ...policy, datasets: [] };
  }
  const sandboxes = new SandboxManager({
    runtime,
    instance: config.instance,
    image,
    policy: usable,
    maxSandboxes: 1,
    idleMs: config.idleMs,
    lifetimeMs: config.lifetimeMs,
    leaseSeconds: config.leaseSeconds,
  });
  try {
    await check("sandbox, from inside", async () => {
      const sandbox = await sandboxes.create();
      const outcome = await sandbox.execute(INSIDE_CHECKS, { timeoutMs: CELL_MS, outputBytes: 8192 });
      if (outcome.status !== "ok") throw new OmcpError("sandbox_unsafe", printedText(outcome));
      return { value: undefined, found: printedText(outcome) };
    });
  } finally {
    await Promise.allSettled([sandboxes.close(), cdm?.close()]);
  }
  print(problems === 0 ? "All checks passed." : `${counted(problems, "check")} failed.`);
  return problems === 0 ? 0 : 1;
}

/** Limits that exceed the machine's are reported and are not an error, because they reserve nothing. */
function sizes(
  config: Config,
  maximum: ResourceMaximum,
  machine: { readonly memoryBytes: number; readonly cpus: number },
): string {
  const { memoryBytes, cpus, maxSandboxes } = config;
  const all = Math.max(maxSandboxes * memoryBytes, maximum.memoryBytes);
  const share = all > machine.memoryBytes ? "more than the machine's" : "of the machine's";
  return `${mebibytes(memoryBytes)} and ${counted(cpus, "CPU")}, at most ${
    mebibytes(maximum.memoryBytes)
  } and ${counted(maximum.cpus, "CPU")}; ${counted(maxSandboxes, "sandbox", "sandboxes")} together at most ${
    mebibytes(all)
  }, ${share} ${mebibytes(machine.memoryBytes)}, and ${
    counted(maxSandboxes * cpus, "CPU")
  } of the machine's ${machine.cpus}${
    all > machine.memoryBytes || maxSandboxes * cpus > machine.cpus
      ? " (limits are not reservations: they share what there is)"
      : ""
  }`;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / (1024 * 1024))} MiB`;
}

function printedText(outcome: ExecutionOutcome): string {
  return outcome.outputs.map((output) => {
    if (output.type === "stream") return output.text.trim().replaceAll("\n", "; ");
    return output.type === "error" ? `${output.ename}: ${output.evalue}` : "";
  }).join("; ");
}
