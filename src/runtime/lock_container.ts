/**
 * The container that is the lock on an instance. It has the instance's name. Its PID 1 exits when its stdin ends, so it ends with the server that
 * holds it. If the runtime does not notice the server's end, a lease ends it.
 *
 * The server that created the container has the lock, because a name can be given only once. Starting it would not be a lock: if several servers
 * start the same container at once, Docker reports success to all. A container that its server does not start in time is removed, unless it has
 * started meanwhile; so a server that died in between blocks nobody.
 */
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { confinement, CPU_SHARES, DATABASE_UID } from "./confinement.ts";
import type { Attachment, ContainerInfo, ContainerRuntime } from "./container_runtime.ts";
import type { ContainerSpec } from "./container_spec.ts";
import { mayHaveCreated } from "./create_container.ts";
import { LABEL_INSTANCE, LABEL_ROLE, labelsOf } from "./labels.ts";
import program from "./instance_lock.py" with { type: "text" };
import { SANDBOX_SECCOMP } from "./seccomp_profile.ts";

/** How long an ending holder may take to release it: a client that restarts its server does not wait for the old one. */
const HOLDER_ENDS_MS = 7000;
const RETRY_MS = 200;
/** How long a server may take from creating its container to starting it, until another one removes it. */
const START_MS = 4000;
const CALL_MS = 30_000;
/** How long a removal may take while nothing waits for it. */
export const RELEASE_MS = 2000;
const MIB = 1024 * 1024;

/** What an attempt to acquire the lock needs. */
export interface LockOptions {
  /** Where the lock's container runs. */
  readonly runtime: ContainerRuntime;
  /** The instance's name. */
  readonly instance: string;
  /** An image with python3. */
  readonly image: string;
  /** Seconds that the lock outlives a silent server; at least the lease of the containers that the server creates. */
  readonly leaseSeconds: number;
  /** How long to wait for a holder that may be ending, ms. @default 7000 */
  readonly waitMs?: number;
}

/** A started lock container whose stdin this server holds open. */
export class Holding {
  readonly id: string;
  /** Resolves when the attach has ended. */
  readonly closed: Promise<void>;
  readonly #attachment: Attachment;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(id: string, attachment: Attachment, leaseSeconds: number) {
    this.id = id;
    this.closed = attachment.closed;
    this.#attachment = attachment;
    this.#writer = attachment.writable.getWriter();
    this.#writer.closed.catch(() => {});
    attachment.stderr.cancel().catch(() => {});
    this.#timer = setInterval(() => void this.renew(), leaseSeconds * 1000 / 4);
  }

  /**
   * Begins the lease.
   *
   * @returns Whether the container has answered: one that ended before it was attached holds nothing.
   */
  async confirm(): Promise<boolean> {
    await this.renew();
    const reader = this.#attachment.readable.getReader();
    const first = await within(reader.read().catch(() => undefined), CALL_MS);
    reader.cancel().catch(() => {/* Nothing else is expected. */});
    return first?.done === false;
  }

  /** Renews the lease. */
  async renew(): Promise<void> {
    await this.#writer.write(Uint8Array.of(1)).catch(() => {/* `closed` reports it. */});
  }

  end(): void {
    clearInterval(this.#timer);
    this.#attachment.close();
  }
}

/**
 * Acquires the lock; waits for a holder that may be ending.
 *
 * @param options See {@link LockOptions}.
 * @throws {OmcpError} `instance_in_use`, which leaves the holder untouched, or the runtime's errors.
 */
export async function acquireLock(options: LockOptions): Promise<Holding> {
  const { runtime, instance, leaseSeconds, waitMs = HOLDER_ENDS_MS } = options;
  const name = `omcp-lock-${instance}`;
  const started = performance.now();
  const unstarted = new Unstarted(runtime);
  for (;;) {
    const id = await create(options, name);
    if (id === undefined) await unstarted.look(await find(options, name));
    const holding = id === undefined ? undefined : await hold(options, id);
    if (holding !== undefined) return holding;
    if (performance.now() - started > waitMs) throw inUse(instance, name, leaseSeconds);
    await delay(RETRY_MS);
  }
}

/** Removes a container that its server has created and not started, or that has ended. */
class Unstarted {
  readonly #runtime: ContainerRuntime;
  #id: string | undefined;
  #since = 0;

  constructor(runtime: ContainerRuntime) {
    this.#runtime = runtime;
  }

  /** @param found What has the lock's name; undefined if there is nothing. */
  async look(found: ContainerInfo | undefined): Promise<void> {
    if (found === undefined || (found.status !== "created" && found.status !== "ended")) {
      this.#id = undefined;
      return;
    }
    if (this.#id !== found.id) {
      this.#id = found.id;
      this.#since = performance.now();
    }
    if (performance.now() - this.#since < START_MS) return;
    const options = { unlessRunning: true, deadlineMs: CALL_MS };
    await this.#runtime.removeContainer(found.id, options).catch((error: unknown) => {
      // Its server has started it, or another one removes it.
      if (!isConflict(error)) throw error;
    });
  }
}

/**
 * Starts a container that this call created; undefined if another server removed it because that took too long, or if it has ended
 * meanwhile. Attached before it starts: a server that is killed at any moment leaves no lock that runs.
 */
async function hold({ runtime, leaseSeconds }: LockOptions, id: string): Promise<Holding | undefined> {
  let holding: Holding | undefined;
  try {
    holding = new Holding(id, await runtime.attach(id, { deadlineMs: CALL_MS }), leaseSeconds);
    await runtime.startContainer(id, { deadlineMs: CALL_MS });
    if (await holding.confirm()) return holding;
    holding.end();
    await remove(runtime, id);
    return undefined;
  } catch (error) {
    holding?.end();
    await remove(runtime, id);
    if (isConflict(error)) return undefined;
    throw error;
  }
}

async function remove(runtime: ContainerRuntime, id: string): Promise<void> {
  await runtime.removeContainer(id, { deadlineMs: RELEASE_MS }).catch(() => {/* It ends by itself. */});
}

/** The id of the created container; undefined if the name is taken. */
async function create(options: LockOptions, name: string): Promise<string | undefined> {
  try {
    return await options.runtime.createContainer(lockSpec(options), { name, deadlineMs: CALL_MS });
  } catch (error) {
    if (isConflict(error)) return undefined;
    // Only then: the name may be that of another server's container, which it has not started yet.
    if (mayHaveCreated(error)) {
      const removal = { unlessRunning: true, deadlineMs: RELEASE_MS };
      await options.runtime.removeContainer(name, removal).catch(() => {/* The next attempt removes it. */});
    }
    throw error;
  }
}

/** The container that has the lock's name; undefined if it has gone meanwhile. */
async function find(
  { runtime, instance }: LockOptions,
  name: string,
): Promise<ContainerInfo | undefined> {
  const found = await runtime.inspectContainer(name, { deadlineMs: CALL_MS }).catch((error: unknown) => {
    if (isConflict(error)) return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (found.labels[LABEL_ROLE] === "lock" && found.labels[LABEL_INSTANCE] === instance) return found;
  throw new OmcpError(
    "instance_in_use",
    `A container that this program did not create has the name ${name}`,
    {
      state: "It was not touched.",
      next: "Rename or remove it, or set another OMCP_INSTANCE.",
    },
  );
}

/** Whether the container is in another state than expected, or gone. */
function isConflict(error: unknown): boolean {
  return error instanceof OmcpError && ["engine_conflict", "engine_not_found"].includes(error.code);
}

function lockSpec({ image, instance, leaseSeconds }: LockOptions): ContainerSpec {
  return {
    image,
    labels: labelsOf({ instance, role: "lock", name: instance, version: VERSION }),
    env: {},
    command: ["python3", "-I", "-S", "-c", program, String(leaseSeconds)],
    workingDir: "/",
    hostname: "lock",
    confinement: confinement(DATABASE_UID, SANDBOX_SECCOMP),
    limits: {
      memoryBytes: 64 * MIB,
      // No sandbox may keep it from reading its stdin.
      cpuShares: CPU_SHARES.database,
      pids: 16,
      openFiles: 64,
      oomScoreAdj: 0,
    },
    tmpfs: [],
    stdin: "ends-with-attach",
  };
}

function inUse(instance: string, name: string, leaseSeconds: number): OmcpError {
  return new OmcpError("instance_in_use", `Another server with OMCP_INSTANCE=${instance} is running`, {
    state: "It and its sandboxes were not touched; this server has created nothing.",
    next:
      "End that server and call again, set another OMCP_INSTANCE, or leave it empty for a random one. If that server no longer runs, " +
      `its lock, the container ${name}, ends by itself within ${leaseSeconds} s.`,
    details: { container: name },
  });
}
