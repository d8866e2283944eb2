/**
 * A second Docker engine for one test, beside the machine's own: with its own folder, socket, bridge and containerd namespace. Needs root
 * and `ip`.
 */
import { Engine } from "../../src/docker/mod.ts";
import { imageReference } from "../../src/images/identity.ts";
import { eventually } from "../fixtures/eventually.ts";
import { connectTestEngine } from "../fixtures/server.ts";

/** How it runs. */
export interface SecondEngineOptions {
  /** OCI runtimes besides runc: the program, and its arguments. */
  readonly runtimes?: Readonly<
    Record<string, { readonly path: string; readonly runtimeArgs: readonly string[] }>
  >;
  /** Further options of dockerd. */
  readonly args?: readonly string[];
  /** Runs it in a user namespace, as rootless Docker is. It can then answer, and start no container. @default false */
  readonly rootless?: boolean;
}

/** A running one. */
export interface SecondEngine {
  /** As in `DOCKER_HOST`. */
  readonly host: string;
  /** Copies an image of the project from the machine's own engine. */
  copyImage(kind: "python" | "postgres"): Promise<void>;
}

/**
 * Runs a test with a second engine, and stops and removes all of it.
 *
 * @param options See {@link SecondEngineOptions}.
 * @param test The test.
 */
export async function withSecondEngine(
  options: SecondEngineOptions,
  test: (engine: SecondEngine) => Promise<void>,
): Promise<void> {
  await using after = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "omcp-engine-" });
  after.defer(async () => await removeFolder(folder));
  const host = `unix://${folder}/engine.sock`;
  const name = `omcp-test-${crypto.randomUUID()}`;
  await Deno.writeTextFile(`${folder}/daemon.json`, JSON.stringify({ runtimes: options.runtimes ?? {} }));
  const log = await Deno.open(`${folder}/log`, { create: true, write: true });
  const [command, ...before] = options.rootless === true ? await rootless(folder) : ["dockerd"];
  const daemon = new Deno.Command(command, {
    args: [
      ...before,
      ...["--config-file", `${folder}/daemon.json`, "--data-root", `${folder}/data`],
      ...["--exec-root", `${folder}/exec`, "--pidfile", `${folder}/pid`, "--host", host],
      ...["--bridge", options.rootless === true ? "none" : await addBridge(after)],
      ...["--iptables=false", "--ip-masq=false", "--ip-forward=false"],
      ...["--containerd-namespace", name, "--containerd-plugins-namespace", `${name}-plugins`],
      ...options.args ?? [],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const logged = daemon.stderr.pipeTo(log.writable);
  after.defer(async () => {
    daemon.kill("SIGTERM");
    await daemon.status;
    await logged;
  });
  try {
    await engineAnswers(host, "the second engine answers");
    await test({ host, copyImage: (kind) => copyImage(host, imageReference(kind)) });
  } catch (error) {
    const printed = (await Deno.readTextFile(`${folder}/log`)).slice(-2000);
    throw new Error(`${error}\nThe end of dockerd's log:\n${printed}`, { cause: error });
  }
}

/**
 * Waits until an engine answers, a minute at most.
 *
 * @param host As in `DOCKER_HOST`.
 * @param what For the failure's text.
 */
export async function engineAnswers(host: string, what: string): Promise<void> {
  await eventually(
    async () => {
      const engine = await Engine.connect({ host }).catch(() => undefined);
      engine?.close();
      return engine !== undefined;
    },
    what,
    60_000,
  );
}

/** Adds a bridge for dockerd. With `--bridge none` it would delete `docker0`, which is the machine's own engine's. */
async function addBridge(after: AsyncDisposableStack): Promise<string> {
  const bridge = `omcp-${crypto.randomUUID().slice(0, 8)}`;
  await run("ip", "link", "add", bridge, "type", "bridge");
  after.defer(async () => await run("ip", "link", "delete", bridge));
  return bridge;
}

/** An OCI runtime can leave mounts in its folder, as gVisor does. */
async function removeFolder(folder: string): Promise<void> {
  const lines = (await Deno.readTextFile("/proc/self/mountinfo")).split("\n");
  const mounts = lines.map((line) => line.split(" ")[4] ?? "").filter((path) =>
    path.startsWith(`${folder}/`)
  );
  for (const path of mounts.reverse()) await run("umount", path);
  await Deno.remove(folder, { recursive: true });
}

async function run(command: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args], stderr: "piped" }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** What rootlesskit gives dockerd: a user namespace, and the variables by which dockerd knows that it is rootless. */
async function rootless(folder: string): Promise<[string, ...string[]]> {
  await Deno.mkdir(`${folder}/rootlesskit`);
  // dockerd wants this program, and runs it for published ports only.
  await Deno.writeTextFile(`${folder}/rootlesskit-docker-proxy`, "#!/bin/sh\n", { mode: 0o755 });
  return [
    ...["unshare", "--user", "--map-root-user", "--mount", "--net", "env"] as const,
    `PATH=${folder}:${Deno.env.get("PATH")}`,
    `XDG_RUNTIME_DIR=${folder}`,
    `HOME=${folder}`,
    `ROOTLESSKIT_STATE_DIR=${folder}/rootlesskit`,
    "ROOTLESSKIT_PARENT_EUID=1000",
    ...["dockerd", "--rootless", "--group", "root", "--storage-driver", "vfs"],
  ];
}

async function copyImage(host: string, reference: string): Promise<void> {
  const [from, to] = await Promise.all([connectTestEngine(), Engine.connect({ host })]);
  try {
    await from.saveImage(reference, async (archive) => await to.loadImages(archive));
  } finally {
    from.close();
    to.close();
  }
}
