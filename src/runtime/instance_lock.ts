/**
 * The lock on an instance: a container with the instance's name, held by the server that started it. It ends with its server, because
 * its PID 1 exits when its stdin ends; where the runtime does not notice the server's end, a lease ends it.
 *
 * The server that starts the container has the lock, whichever server created it: the runtime starts it once. So a container that a
 * server created but did not start before it died blocks nobody.
 */
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { VERSION } from "../version.ts";
import { confinement, CPU_SHARES, DATABASE_UID } from "./confinement.ts";
import type { Attachment, ContainerRuntime } from "./container_runtime.ts";
import type { ContainerSpec } from "./container_spec.ts";
import { LABEL_INSTANCE, LABEL_ROLE, labelsOf } from "./labels.ts";
import program from "./instance_lock.py" with { type: "text" };
import { SANDBOX_SECCOMP } from "./seccomp_profile.ts";

const log = logger("runtime");

/** How long an ending holder may take to release it: a client that restarts its server does not wait for the old one. */
const HOLDER_ENDS_MS = 7000;
const RETRY_MS = 200;
const CALL_MS = 30_000;
const RELEASE_MS = 2000;
/** The wait between attempts to reacquire a lost lock; it doubles each time. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
const MIB = 1024 * 1024;

/** What an {@link InstanceLock} needs. */
export interface InstanceLockOptions {
  /** Where the lock's container runs. */
  readonly runtime: ContainerRuntime;
  /** The instance's name. */
  readonly instance: string;
  /** An image with python3. */
  readonly image: string;
  /** Seconds that the lock outlives a silent server; at least the lease of the containers that the server creates. */
  readonly leaseSeconds: number;
  /** Called with an `instance_in_use` error when the lock was lost and another server has acquired it. */
  readonly onLost: (error: Error) => void;
}

/** A held lock. */
export class InstanceLock {
  readonly #options: InstanceLockOptions;
  readonly #wake = Promise.withResolvers<void>();
  #holding: Holding | undefined;
  #reacquiring: Promise<void> | undefined;
  #released = false;

  private constructor(options: InstanceLockOptions) {
    this.#options = options;
  }

  /**
   * Acquires the lock; waits a few seconds for a holder that may be ending.
   *
   * @param options See {@link InstanceLockOptions}.
   * @returns The lock.
   * @throws {OmcpError} `instance_in_use`, which leaves the holder untouched, or the runtime's errors.
   */
  static async acquire(options: InstanceLockOptions): Promise<InstanceLock> {
    const lock = new InstanceLock(options);
    lock.#hold(await acquire(options));
    return lock;
  }

  /** Releases the lock. Idempotent; a container that cannot be removed now ends by itself. */
  async release(): Promise<void> {
    this.#released = true;
    this.#wake.resolve();
    // One that is being reacquired is released, too.
    if (this.#reacquiring !== undefined) await within(this.#reacquiring, RELEASE_MS);
    const holding = this.#holding;
    this.#holding = undefined;
    if (holding !== undefined) await this.#drop(holding);
  }

  #hold(holding: Holding): void {
    this.#holding = holding;
    void holding.closed.then(() => {
      if (!this.#released) this.#reacquiring = this.#reacquire(holding);
    });
  }

  /** After somebody removed the container by hand, or the engine restarted: before another server acquires the lock. */
  async #reacquire(lost: Holding): Promise<void> {
    const { instance, onLost } = this.#options;
    for (let wait = FIRST_WAIT_MS; !this.#released; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      log.warning("The lock of instance {instance} is lost: reacquiring it", { instance });
      // Where only the attach broke, the container still runs and would block us.
      await this.#drop(lost);
      try {
        this.#hold(await acquire(this.#options));
        return;
      } catch (error) {
        if (error instanceof OmcpError && error.code === "instance_in_use") {
          if (!this.#released) onLost(error);
          return;
        }
        log.warning("Cannot reacquire the lock: {error}", { error: String(error) });
      }
      await within(this.#wake.promise, wait);
    }
  }

  /** By the container's id: its name may belong to another server's container by now. */
  async #drop(holding: Holding): Promise<void> {
    holding.end();
    const { runtime } = this.#options;
    await runtime.removeContainer(holding.id, { deadlineMs: RELEASE_MS }).catch((error: unknown) => {
      log.warning("Cannot remove a lock, which ends by itself: {error}", { error: String(error) });
    });
  }
}

/** A started lock container whose stdin this server holds open. */
class Holding {
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
    attachment.readable.cancel().catch(() => {});
    attachment.stderr.cancel().catch(() => {});
    this.#timer = setInterval(() => void this.renew(), leaseSeconds * 1000 / 4);
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

async function acquire(options: InstanceLockOptions): Promise<Holding> {
  const { runtime, instance, leaseSeconds } = options;
  const name = `omcp-lock-${instance}`;
  const started = performance.now();
  for (;;) {
    const id = await createOrFind(options, name);
    if (id !== undefined && await start(runtime, id)) return await hold(options, id);
    if (performance.now() - started > HOLDER_ENDS_MS) throw inUse(instance, name, leaseSeconds);
    await delay(RETRY_MS);
  }
}

async function hold({ runtime, leaseSeconds }: InstanceLockOptions, id: string): Promise<Holding> {
  try {
    const holding = new Holding(id, await runtime.attach(id, { deadlineMs: CALL_MS }), leaseSeconds);
    await holding.renew();
    return holding;
  } catch (error) {
    await runtime.removeContainer(id, { deadlineMs: RELEASE_MS }).catch(() => {/* It ends by itself. */});
    throw error;
  }
}

/** The id of the lock's container, created or found; undefined where it disappeared between the two. */
async function createOrFind(options: InstanceLockOptions, name: string): Promise<string | undefined> {
  const { runtime, instance } = options;
  try {
    return await runtime.createContainer(lockSpec(options), { name, deadlineMs: CALL_MS });
  } catch (error) {
    if (!(error instanceof OmcpError) || error.code !== "engine_conflict") throw error;
  }
  const found = await runtime.inspectContainer(name, { deadlineMs: CALL_MS }).catch((error: unknown) => {
    if (error instanceof OmcpError && error.code === "engine_not_found") return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (found.labels[LABEL_ROLE] === "lock" && found.labels[LABEL_INSTANCE] === instance) return found.id;
  throw new OmcpError(
    "instance_in_use",
    `A container that this program did not create has the name ${name}`,
    {
      state: "It was not touched.",
      next: "Rename or remove it, or set another OMCP_INSTANCE.",
    },
  );
}

/** Whether this call started the container. One that runs, is paused or is being removed belongs to another server. */
async function start(runtime: ContainerRuntime, id: string): Promise<boolean> {
  try {
    return await runtime.startContainer(id, { deadlineMs: CALL_MS });
  } catch (error) {
    if (error instanceof OmcpError && ["engine_conflict", "engine_not_found"].includes(error.code)) {
      return false;
    }
    const status = await within(
      runtime.inspectContainer(id).then((found) => found.status, () => undefined),
      CALL_MS,
    );
    if (status === "paused" || status === "removing") return false;
    // Not removed: another server may have started it since.
    throw error;
  }
}

function lockSpec({ image, instance, leaseSeconds }: InstanceLockOptions): ContainerSpec {
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
      "End that server and call again, set another OMCP_INSTANCE, or leave it empty for a random one. If no such server runs any more, " +
      `its lock, the container ${name}, ends by itself within ${leaseSeconds} s.`,
    details: { container: name },
  });
}
