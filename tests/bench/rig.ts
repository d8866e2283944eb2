/** The base of all measurements: an engine, the server's own parts in this process, and the removal of everything created. */
import { type Channel, sandboxBootConfig } from "../../src/agent_protocol/mod.ts";
import type { ByteStream } from "../../src/lib/byte_stream.ts";
import type { Engine } from "../../src/docker/mod.ts";
import { DockerRuntime } from "../../src/runtime/docker/mod.ts";
import { type ContainerSpec, LABEL_INSTANCE, startAgentContainer } from "../../src/runtime/mod.ts";
import { cdmTables } from "../../src/omop/cdm/mod.ts";
import { databaseProcessors } from "../../src/postgres/local/processors.ts";
import { LocalDatabase } from "../../src/postgres/local/container.ts";
import { Database, localUpstream, type Upstream } from "../../src/postgres/mod.ts";
import { DEFAULT_POLICY, Sandbox, SandboxManager } from "../../src/sandbox/mod.ts";
import { imageReference } from "../../src/images/identity.ts";
import { connectTestEngine } from "../fixtures/server.ts";
import { RecordingRuntime } from "./recording_runtime.ts";

/** A short lease, so that containers of a killed bench end soon, in seconds. */
const LEASE_SECONDS = 60;
const HOUR_MS = 3_600_000;
const CLEANUP_DEADLINE_MS = 10_000;
const OUTPUT_BYTES = 1024 * 1024;

/** A sandbox and its channel. */
export interface OpenSandbox {
  readonly id: string;
  readonly sandbox: Sandbox;
  readonly channel: Channel;
}

/** The parts of one bench. */
export class Rig {
  readonly engine: Engine;
  readonly instance: string;
  /** Image of the sandboxes. */
  readonly image: string;
  readonly runtime: RecordingRuntime;
  readonly manager: SandboxManager;
  readonly local: LocalDatabase;
  readonly upstream: Upstream;
  /** Aborted when the bench ends, in any way. */
  readonly ending: AbortSignal;
  readonly #end = new AbortController();
  readonly #database: Database;
  readonly #instances: Set<string>;
  #sandboxes = 0;

  private constructor(
    parts: {
      engine: Engine;
      instance: string;
      image: string;
      postgresImage: string;
      cpus: number | undefined;
    },
  ) {
    const { engine, instance, image, postgresImage } = parts;
    this.ending = this.#end.signal;
    this.engine = engine;
    this.instance = instance;
    this.#instances = new Set([instance]);
    this.image = image;
    this.runtime = new RecordingRuntime(new DockerRuntime(engine));
    this.local = new LocalDatabase({
      runtime: new DockerRuntime(engine),
      instance,
      image: postgresImage,
      data: { kind: "sample" },
      leaseSeconds: LEASE_SECONDS,
      cpus: parts.cpus,
    });
    this.upstream = localUpstream((signal) => this.local.open(signal));
    this.#database = new Database({
      upstream: this.upstream,
      cdmSchema: "cdm",
      cdmRelations: new Set(cdmTables("5.4").map(({ name }) => name)),
      audit: () => {},
    });
    this.manager = new SandboxManager({
      runtime: this.runtime,
      instance,
      image,
      policy: DEFAULT_POLICY,
      compiles: true,
      maxSandboxes: 4,
      idleMs: HOUR_MS,
      lifetimeMs: HOUR_MS,
      leaseSeconds: LEASE_SECONDS,
      postgresConnections: (id) => this.#database.serve(id),
    });
  }

  /**
   * Connects to the engine. `OMCP_IMAGE` and `OMCP_TEST_POSTGRES_IMAGE` name other images than those of set-up.
   *
   * @param instance The label of everything that it creates.
   * @throws {Error} If an image is missing.
   */
  static async open(instance: string): Promise<Rig> {
    const engine = await connectTestEngine();
    const image = Deno.env.get("OMCP_IMAGE") || imageReference("python");
    const postgresImage = Deno.env.get("OMCP_TEST_POSTGRES_IMAGE") || imageReference("postgres");
    for (const wanted of [image, postgresImage]) {
      if (await engine.inspectImage(wanted) === undefined) {
        throw new Error(`The engine has no image ${wanted}: run \`deno task setup\``);
      }
    }
    const cpus = databaseProcessors(await new DockerRuntime(engine).resources());
    return new Rig({ engine, instance, image, postgresImage, cpus });
  }

  /** The specification of the manager's last sandbox. */
  get spec(): ContainerSpec {
    if (this.runtime.spec === undefined) throw new Error("The manager has made no sandbox yet");
    return this.runtime.spec;
  }

  /** Lets the manager make a sandbox, if it has made none: floors use its specification. */
  async prepareSpec(): Promise<void> {
    if (this.runtime.spec === undefined) await this.manager.remove((await this.manager.create()).id);
  }

  /**
   * Creates a sandbox as the manager does, with access to its channel.
   *
   * @returns A sandbox that has run a first cell.
   */
  async openSandbox(): Promise<OpenSandbox> {
    await this.prepareSpec();
    this.#sandboxes += 1;
    const id = `bench_${this.#sandboxes}`;
    const container = await startAgentContainer({
      runtime: this.runtime,
      name: `omcp-bench-${this.instance}-${this.#sandboxes}`,
      spec: this.spec,
      config: sandboxBootConfig({
        leaseSeconds: LEASE_SECONDS,
        services: ["postgres"],
        preload: ["numpy", "pandas"],
      }),
      services: { postgres: this.#database.serve(id) },
    });
    const sandbox = new Sandbox({
      image: "image",
      id,
      container,
      idleMs: HOUR_MS,
      lifetimeMs: HOUR_MS,
      kernelStarted: Promise.resolve(),
    });
    await runCell(sandbox, "1");
    return { id: this.runtime.lastId, sandbox, channel: container.channel };
  }

  /** A raw connection to the local database, without guard and broker. */
  openDatabase(): Promise<ByteStream> {
    return this.local.open(AbortSignal.timeout(30_000));
  }

  /** The engine's id of the local database's container. */
  async databaseId(): Promise<string> {
    const labels = { [LABEL_INSTANCE]: this.instance, "org.omcp.role": "database" };
    const [found] = await this.engine.listContainers({ labels });
    if (found === undefined) throw new Error("The local database does not run");
    return found.id;
  }

  /**
   * Adds the containers of another server to those that this bench removes at its end.
   *
   * @param name The name label of one of them.
   */
  async adopt(name: string): Promise<void> {
    const [found] = await this.engine.listContainers({ labels: { "org.omcp.name": name }, all: true });
    const instance = found?.labels[LABEL_INSTANCE];
    if (instance !== undefined) this.#instances.add(instance);
  }

  /** Removes everything with this bench's labels, in any state. */
  async close(): Promise<void> {
    this.#end.abort();
    await Promise.allSettled([this.manager.close(), this.#database.close()]);
    await this.local.close().catch(() => {});
    for (const instance of this.#instances) {
      const labels = { [LABEL_INSTANCE]: instance };
      const left = await this.engine.listContainers({ labels, all: true, deadlineMs: CLEANUP_DEADLINE_MS });
      for (const { id } of left) {
        await this.engine.removeContainer(id, { deadlineMs: CLEANUP_DEADLINE_MS });
      }
    }
    this.engine.close();
  }
}

/**
 * Runs a cell that must succeed.
 *
 * @param sandbox The sandbox.
 * @param code Python source.
 * @param timeoutMs Its timeout. @default {60000}
 * @returns Its output.
 * @throws {Error} With its output, if it fails.
 */
export async function runCell(sandbox: Sandbox, code: string, timeoutMs = 60_000): Promise<string> {
  const { status, outputs } = await sandbox.execute(code, { timeoutMs, outputBytes: OUTPUT_BYTES });
  if (status !== "ok") throw new Error(`A cell of the bench ended as ${status}: ${JSON.stringify(outputs)}`);
  return outputs.flatMap((output) =>
    output.type === "stream" && output.name === "stdout" ? [output.text] : []
  ).join("");
}
