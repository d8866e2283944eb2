/** The local database: a Postgres in a container of ours, without network or port, reached only through its channel. */
import { databaseBootConfig, databaseStateSchema } from "../../agent_protocol/messages/mod.ts";
import { abortable } from "../../lib/async/abortable.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import { OmcpError } from "../../errors.ts";
import { LOADER_COMMAND } from "../../guest/mod.ts";
import {
  type AgentContainer,
  confinement,
  type ContainerRuntime,
  type ContainerSpec,
  CPU_SHARES,
  DATABASE_SECCOMP,
  DATABASE_UID,
  labelsOf,
  startAgentContainer,
} from "../../runtime/mod.ts";
import { logger, logStep } from "../../observability/log.ts";
import { VERSION } from "../../version.ts";

const log = logger("postgres");

/** A large cluster that crashed replays its log first. */
const READY_DEADLINE_MS = 120_000;
const SHUTDOWN_DEADLINE_MS = 3000;
/** How long a call waits for a removal, which continues afterwards. */
const REMOVE_MS = 10_000;
/** Where the data are in the container. */
const DATA_PATH = "/data";
const MIB = 1024 * 1024;
const MEMORY_MIB = 2048;
/**
 * Private memory of one server process. A query that needs more gets an error of its own; without this limit Linux would end all of
 * Postgres, and with it every other sandbox's session. Eight of them, the buffers and the temporary files fit into the container.
 */
const PROCESS_MIB = 160;
/** Temporary files of one process. The sample's are in memory, which eight processes must fit into. */
const SPILL_MIB = { sample: 40, volume: 10_240 } as const;

/** Which data the container holds. */
export type LocalData =
  /** The built-in synthetic sample, fresh at each start, in memory. */
  | { readonly kind: "sample" }
  /** A CDM in the named volume; a new volume is filled from the empty template. */
  | { readonly kind: "volume"; readonly volume: string; readonly name: string };

/** What a {@link LocalDatabase} needs. */
export interface LocalDatabaseOptions {
  readonly runtime: ContainerRuntime;
  /** The server's, for the labels. */
  readonly instance: string;
  readonly image: string;
  readonly data: LocalData;
  readonly leaseSeconds: number;
  /** CPUs' worth of time; undefined for no limit. */
  readonly cpus: number | undefined;
  /** PostgreSQL settings besides its own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether it runs the operator's own statements, such as a load: these may use memory as they need it. @default false */
  readonly trusted?: boolean;
}

/** A database container that starts on first use, and again after it was lost. */
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
   * Opens a raw connection to Postgres, on which the caller sends the startup packet; starts the container if it does not run.
   *
   * @param signal Stops waiting.
   * @throws {OmcpError} `cdm_in_use`, `database_unavailable`, or the engine's errors.
   */
  async open(signal: AbortSignal): Promise<ByteStream> {
    if (this.#closing.signal.aborted) throw new OmcpError("shutting_down", "The server is shutting down");
    this.#running ??= this.#start();
    const container = await abortable(this.#running, signal);
    return await container.channel.openStream("postgres", signal);
  }

  /** Stops Postgres cleanly and removes the container. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new OmcpError("shutting_down", "The server is shutting down"));
    const running = this.#running;
    if (running === undefined) return;
    let container: AgentContainer;
    try {
      container = await running;
    } catch {
      return; // Its start was rolled back.
    }
    if (this.#options.data.kind === "volume") {
      // After a clean shutdown the next start does not replay the log.
      await container.channel.request("shutdown", {}, { deadlineMs: SHUTDOWN_DEADLINE_MS }).catch(() => {});
    }
    await container.remove("the server ended").within(REMOVE_MS);
  }

  async #start(): Promise<AgentContainer> {
    try {
      const container = await logStep(log, "Start the local database", () => this.#startOnce());
      void container.ended.then(async ({ reason }) => {
        if (!this.#closing.signal.aborted) log.error("The local database ended: {reason}", { reason });
        // The next container needs the volume that this one mounts.
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
    const { runtime, data, leaseSeconds, settings = {} } = this.#options;
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => {});
    this.#starts += 1;
    const container = await startAgentContainer({
      runtime,
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
      await container.remove("Postgres did not start").within(REMOVE_MS);
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return container;
  }

  #spec(): ContainerSpec {
    const { image, instance, data, cpus, trusted = false } = this.#options;
    const tmpfs = [
      { path: "/run", bytes: 8 * MIB, inodes: 1024 },
      { path: "/tmp", bytes: 64 * MIB, inodes: 4096 },
      { path: "/dev/shm", bytes: 256 * MIB, inodes: 1024 },
    ];
    // The sample is in memory, because its size is known.
    if (data.kind === "sample") tmpfs.push({ path: DATA_PATH, bytes: 512 * MIB, inodes: 16_384 });
    return {
      image,
      command: LOADER_COMMAND,
      workingDir: "/",
      hostname: "database",
      env: { LANG: "C.UTF-8" },
      labels: labelsOf({ instance, role: "database", name: this.#name, version: VERSION }),
      confinement: confinement(DATABASE_UID, DATABASE_SECCOMP),
      limits: {
        memoryBytes: MEMORY_MIB * MIB,
        ...(cpus === undefined ? {} : { cpus }),
        cpuShares: CPU_SHARES.database,
        pids: 256,
        openFiles: 4096,
        ...(trusted ? {} : { processBytes: PROCESS_MIB * MIB }),
        // When the machine runs out of memory, the database goes first: it can be restarted.
        oomScoreAdj: 1000,
      },
      tmpfs: tmpfs.map((mount) => ({ ...mount, mode: "0700", exec: false })),
      ...(data.kind === "volume" ? { volumes: [{ volume: data.volume, path: DATA_PATH }] } : {}),
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
    // In memory and created at each start: nothing needs to be durable.
    const settings = { ...memory, fsync: "off", synchronous_commit: "off", full_page_writes: "off" };
    return {
      template: "/opt/omcp/pgdata-sample",
      data: `${DATA_PATH}/pgdata`,
      lock: `${DATA_PATH}/lock`,
      settings,
    };
  }
  return {
    template: "/opt/omcp/pgdata-empty",
    data: `${DATA_PATH}/pgdata`,
    lock: `${DATA_PATH}/lock`,
    settings: memory,
  };
}

function settle(event: unknown, ready: PromiseWithResolvers<void>, data: LocalData): void {
  const parsed = databaseStateSchema.safeParse(event);
  if (!parsed.success) return;
  if (parsed.data.state === "ready") {
    ready.resolve();
  } else if (parsed.data.error?.code === "cdm_in_use") {
    const name = data.kind === "volume" ? data.name : "sample";
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
    next: "Try again: the next use starts it again.",
  });
}
