/** The local database: a Postgres in a container of ours, without network or port, reached through its channel alone. */
import { databaseBootConfig, databaseStateSchema } from "../../agent_protocol/messages/mod.ts";
import { abortable } from "../../lib/async/abortable.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import type { ContainerSpec } from "../../docker/mod.ts";
import { OmcpError } from "../../errors.ts";
import { LOADER } from "../../guest/mod.ts";
import {
  type AgentContainer,
  confinedContainer,
  type ContainerRuntime,
  CPU_SHARES,
  DATABASE_SECCOMP,
  DATABASE_UID,
  labelsOf,
  startAgentContainer,
} from "../../runtime/mod.ts";
import { logger } from "../../observability/log.ts";
import { VERSION } from "../../version.ts";

const log = logger("postgres");

/** A cluster that crashed replays its log first; a big one takes its time. */
const READY_DEADLINE_MS = 120_000;
const SHUTDOWN_DEADLINE_MS = 3000;
/** How long a removal is waited for; it goes on afterwards. */
const REMOVE_MS = 10_000;
const MEMORY_MIB = 2048;
/**
 * Private memory of one server process. A query that wants more gets an error of its own; without this bound it would have the
 * kernel end all of Postgres, and with it every other sandbox's session. Eight of them, the buffers and the temporary
 * files fit into the container.
 */
const PROCESS_MIB = 160;
/** What one process may spill to disk; in memory, what eight of them leave room for. */
const SPILL_MIB = { sample: 40, volume: 10_240 } as const;

/** Which data the container holds. */
export type LocalData =
  /** The built-in synthetic sample, fresh at each start, in memory. */
  | { readonly kind: "sample" }
  /** A CDM kept in the named engine volume; made from the empty template where it is new. */
  | { readonly kind: "volume"; readonly volume: string };

/** What a {@link LocalDatabase} needs. */
export interface LocalDatabaseOptions {
  readonly host: ContainerRuntime;
  readonly instance: string;
  readonly image: string;
  readonly data: LocalData;
  readonly leaseSeconds: number;
  /** Processors' worth of time; undefined for no limit. */
  readonly cpus: number | undefined;
  /** Server settings besides its own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether the operator's own statements run, as a load does: they may use memory as they need it. @default false */
  readonly trusted?: boolean;
}

/** A database container that starts on first need and is started again when it was lost. */
export class LocalDatabase {
  readonly #options: LocalDatabaseOptions;
  readonly #name = `db_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
  readonly #closing = new AbortController();
  #running: Promise<AgentContainer> | undefined;
  #starts = 0;

  constructor(options: LocalDatabaseOptions) {
    this.#options = options;
  }

  /**
   * Opens a raw connection to Postgres, whose start-up the caller speaks; starts the container where it does not run.
   *
   * @param signal Gives up waiting.
   * @throws {OmcpError} `cdm_in_use`, `database_unavailable`, or the engine's errors.
   */
  async open(signal: AbortSignal): Promise<ByteStream> {
    if (this.#closing.signal.aborted) throw new OmcpError("shutting_down", "The server is ending");
    this.#running ??= this.#start();
    const container = await abortable(this.#running, signal);
    return await container.channel.openStream("postgres", signal);
  }

  /** Stops Postgres cleanly and removes the container. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new OmcpError("shutting_down", "The server is ending"));
    const running = this.#running;
    if (running === undefined) return;
    let container: AgentContainer;
    try {
      container = await running;
    } catch {
      return; // Its start was rolled back.
    }
    if (this.#options.data.kind === "volume") {
      // A clean end spares the next start the replay of the log.
      await container.channel.request("shutdown", {}, { deadlineMs: SHUTDOWN_DEADLINE_MS }).catch(() => {});
    }
    await container.remove("the server ended").within(REMOVE_MS);
  }

  async #start(): Promise<AgentContainer> {
    try {
      const container = await this.#startOnce();
      void container.ended.then(async ({ reason }) => {
        if (!this.#closing.signal.aborted) log.error("The local database ended: {reason}", { reason });
        // The next one needs the volume that this one holds.
        await container.remove(reason).within(REMOVE_MS);
        this.#running = undefined;
      });
      return container;
    } catch (error) {
      this.#running = undefined;
      throw error;
    }
  }

  async #startOnce(): Promise<AgentContainer> {
    const { host, data, leaseSeconds, settings = {} } = this.#options;
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => {});
    this.#starts += 1;
    const started = performance.now();
    const container = await startAgentContainer({
      host,
      name: `omcp-${this.#name}-${this.#starts}`,
      spec: this.#spec(),
      config: databaseBootConfig({ leaseSeconds, ...databaseConfig(data, settings) }),
      onEvent: (event) => settle(event, ready, data),
      signal: this.#closing.signal,
    });
    const timer = setTimeout(
      () => ready.reject(unavailable("did not accept connections in time")),
      READY_DEADLINE_MS,
    );
    void container.ended.then(({ reason }) => ready.reject(unavailable(reason)));
    try {
      await ready.promise;
    } catch (error) {
      await container.remove("Postgres could not start").within(REMOVE_MS);
      throw error;
    } finally {
      clearTimeout(timer);
    }
    log.info("Started the local database in {ms} ms", { ms: Math.round(performance.now() - started) });
    return container;
  }

  #spec(): ContainerSpec {
    const { image, instance, data, cpus, trusted = false } = this.#options;
    const mib = 1024 * 1024;
    const tmpfs = [
      { path: "/run", bytes: 8 * mib, inodes: 1024 },
      { path: "/tmp", bytes: 64 * mib, inodes: 4096 },
      { path: "/dev/shm", bytes: 256 * mib, inodes: 1024 },
    ];
    // A CDM in memory is the sample, of a known size.
    if (data.kind === "sample") tmpfs.push({ path: "/data", bytes: 512 * mib, inodes: 16_384 });
    const spec = confinedContainer({
      image,
      uid: DATABASE_UID,
      labels: labelsOf({ instance, role: "database", name: this.#name, version: VERSION }),
      env: { LANG: "C.UTF-8" },
      command: ["python3", "-I", "-S", "-u", "-c", LOADER],
      workingDir: "/",
      hostname: "database",
      seccomp: DATABASE_SECCOMP,
      memoryBytes: MEMORY_MIB * mib,
      ...(cpus === undefined ? {} : { cpus }),
      cpuShares: CPU_SHARES.database,
      pids: 256,
      openFiles: 4096,
      // When the host runs out of memory, a database goes first: it can be started again.
      oomScoreAdj: 1000,
      tmpfs: tmpfs.map((mount) => ({ ...mount, mode: "0700", exec: false })),
      ...(data.kind === "volume"
        ? { mounts: [{ Type: "volume", Source: data.volume, Target: "/data" }] }
        : {}),
    });
    if (trusted) return spec;
    const { Ulimits = [], ...rest } = spec.HostConfig ?? {};
    const bytes = PROCESS_MIB * mib;
    return {
      ...spec,
      HostConfig: { ...rest, Ulimits: [...Ulimits, { Name: "data", Soft: bytes, Hard: bytes }] },
    };
  }
}

function databaseConfig(data: LocalData, more: Readonly<Record<string, string>>) {
  const memory = {
    shared_buffers: "128MB",
    max_connections: "100",
    temp_file_limit: `${SPILL_MIB[data.kind]}MB`,
    ...more,
  };
  if (data.kind === "sample") {
    // In memory and made anew at each start: there is nothing to make durable.
    const settings = { ...memory, fsync: "off", synchronous_commit: "off", full_page_writes: "off" };
    return { template: "/opt/omcp/pgdata-sample", data: "/data/pgdata", lock: "/data/lock", settings };
  }
  return { template: "/opt/omcp/pgdata-empty", data: "/data/pgdata", lock: "/data/lock", settings: memory };
}

function settle(event: unknown, ready: PromiseWithResolvers<void>, data: LocalData): void {
  const parsed = databaseStateSchema.safeParse(event);
  if (!parsed.success) return;
  if (parsed.data.state === "ready") {
    ready.resolve();
  } else if (parsed.data.error?.code === "cdm_in_use") {
    const name = data.kind === "volume" ? data.volume.replace(/^omcp-cdm-/, "local:") : "sample";
    ready.reject(
      new OmcpError("cdm_in_use", `Another server has the local CDM ${name} open`, {
        state: "Its data are untouched.",
        next: "End the other server, or load a copy of the CDM under another name.",
      }),
    );
  } else {
    ready.reject(unavailable(parsed.data.error?.message ?? "failed"));
  }
}

function unavailable(reason: string): OmcpError {
  return new OmcpError("database_unavailable", `The local database is not available: ${reason}`, {
    state: "Sandboxes work without it.",
    next: "Try again; it is started anew at the next need.",
  });
}
