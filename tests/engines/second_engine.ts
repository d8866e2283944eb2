/** A second Docker engine for one test, beside the machine's own: with its own folder, socket and containerd namespace. Needs root. */
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
  const folder = await Deno.makeTempDir({ prefix: "omcp-engine-" });
  const host = `unix://${folder}/engine.sock`;
  const name = `omcp-test-${crypto.randomUUID()}`;
  await Deno.writeTextFile(`${folder}/daemon.json`, JSON.stringify({ runtimes: options.runtimes ?? {} }));
  const log = await Deno.open(`${folder}/log`, { create: true, write: true });
  const daemon = new Deno.Command("dockerd", {
    args: [
      ...[
        "--config-file",
        `${folder}/daemon.json`,
        "--data-root",
        `${folder}/data`,
        "--exec-root",
        `${folder}/exec`,
      ],
      ...["--pidfile", `${folder}/pid`, "--host", host, "--bridge", "none", "--iptables=false"],
      ...["--containerd-namespace", name, "--containerd-plugins-namespace", `${name}-plugins`],
      ...options.args ?? [],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const logged = daemon.stderr.pipeTo(log.writable);
  try {
    await eventually(
      async () => {
        const engine = await Engine.connect({ host }).catch(() => undefined);
        engine?.close();
        return engine !== undefined;
      },
      "the second engine answers",
      60_000,
    );
    await test({ host, copyImage: (kind) => copyImage(host, imageReference(kind)) });
  } catch (error) {
    const printed = (await Deno.readTextFile(`${folder}/log`)).slice(-2000);
    throw new Error(`${error}\nThe end of dockerd's log:\n${printed}`, { cause: error });
  } finally {
    daemon.kill("SIGTERM");
    await daemon.status;
    await logged;
    await Deno.remove(folder, { recursive: true });
  }
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
