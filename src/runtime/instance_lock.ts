/**
 * The lock on an instance: a container of its name that one server at a time has started. It ends with its server, since its PID 1
 * ends with its stdin; where the engine does not notice that, by a lease.
 *
 * Whoever starts the container has the lock: the engine starts it once, whoever made it. So one that was made and never started, by
 * a server that died in between, is in nobody's way.
 */
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../lib/async/deadline.ts";
import type { Attachment, ContainerSpec } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { VERSION } from "../version.ts";
import { confinedContainer, CPU_SHARES, DATABASE_UID } from "./confinement.ts";
import type { ContainerRuntime } from "./container_runtime.ts";
import { LABEL_INSTANCE, LABEL_ROLE, labelsOf } from "./labels.ts";
import program from "./instance_lock.py" with { type: "text" };
import { SANDBOX_SECCOMP } from "./seccomp_profile.ts";

const log = logger("host");

/** How long a holder may take to end that is just ending: a client that restarts its server does not wait for it. */
const HOLDER_ENDS_MS = 7000;
const LOOK_EVERY_MS = 200;
const STEP_MS = 30_000;
const RELEASE_MS = 2000;
/** Waits between attempts to have a lost lock again. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
const MIB = 1024 * 1024;

/** What an {@link InstanceLock} needs. */
export interface InstanceLockOptions {
  /** Where the lock is. */
  readonly host: ContainerRuntime;
  /** The instance's name. */
  readonly instance: string;
  /** An image with python3. */
  readonly image: string;
  /** So long the lock outlives a server that says nothing; not below the lease of what the server makes. */
  readonly leaseSeconds: number;
  /** Called, with an `instance_in_use`, where the lock was lost and another server has it now. */
  readonly onLost: (error: Error) => void;
}

/** A held lock. */
export class InstanceLock {
  readonly #options: InstanceLockOptions;
  readonly #wake = Promise.withResolvers<void>();
  #held: Held | undefined;
  #retaking: Promise<void> | undefined;
  #released = false;

  private constructor(options: InstanceLockOptions) {
    this.#options = options;
  }

  /**
   * Takes the lock; waits a few seconds for a holder that may be ending.
   *
   * @param options See {@link InstanceLockOptions}.
   * @returns The lock.
   * @throws {OmcpError} `instance_in_use`, or the engine's errors; nothing of the holder is touched.
   */
  static async acquire(options: InstanceLockOptions): Promise<InstanceLock> {
    const lock = new InstanceLock(options);
    lock.#hold(await take(options));
    return lock;
  }

  /** Gives the lock back. Idempotent; a container that cannot be removed now ends by itself. */
  async release(): Promise<void> {
    this.#released = true;
    this.#wake.resolve();
    // One that is just being taken again is given back, too.
    if (this.#retaking !== undefined) await within(this.#retaking, RELEASE_MS);
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) await this.#drop(held);
  }

  #hold(held: Held): void {
    this.#held = held;
    void held.closed.then(() => {
      if (!this.#released) this.#retaking = this.#retake(held);
    });
  }

  /** Its lock was removed by hand, or the engine was restarted: it is taken again before anyone else does. */
  async #retake(lost: Held): Promise<void> {
    const { instance, onLost } = this.#options;
    for (let wait = FIRST_WAIT_MS; !this.#released; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      log.warning("The lock of instance {instance} is lost: taking it again", { instance });
      // It may run on where only our hold on it has broken: then it would be in our own way.
      await this.#drop(lost);
      try {
        this.#hold(await take(this.#options));
        return;
      } catch (error) {
        if (error instanceof OmcpError && error.code === "instance_in_use") {
          if (!this.#released) onLost(error);
          return;
        }
        log.warning("Cannot take the lock again: {error}", { error: String(error) });
      }
      await within(this.#wake.promise, wait);
    }
  }

  /** Ends a hold. By its container's id: another of its name is another's. */
  async #drop(held: Held): Promise<void> {
    held.end();
    await this.#options.host.removeContainer(held.id, { deadlineMs: RELEASE_MS }).catch((error: unknown) => {
      log.warning("Cannot remove a lock, which ends by itself: {error}", { error: String(error) });
    });
  }
}

/** A started lock container with our hand on its stdin. */
class Held {
  readonly id: string;
  /** Resolves when the hold is lost. */
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
    this.#timer = setInterval(() => void this.speak(), leaseSeconds * 1000 / 4);
  }

  /** Prolongs the lease. */
  async speak(): Promise<void> {
    await this.#writer.write(Uint8Array.of(1)).catch(() => {/* `closed` says so. */});
  }

  end(): void {
    clearInterval(this.#timer);
    this.#attachment.close();
  }
}

async function take(options: InstanceLockOptions): Promise<Held> {
  const { host, instance, leaseSeconds } = options;
  const name = `omcp-lock-${instance}`;
  const started = performance.now();
  for (;;) {
    const id = await makeOrFind(options, name);
    if (id !== undefined && await start(host, id)) return await hold(options, id);
    if (performance.now() - started > HOLDER_ENDS_MS) throw inUse(instance, name, leaseSeconds);
    await delay(LOOK_EVERY_MS);
  }
}

async function hold({ host, leaseSeconds }: InstanceLockOptions, id: string): Promise<Held> {
  try {
    const held = new Held(id, await host.attach(id, { deadlineMs: STEP_MS }), leaseSeconds);
    await held.speak();
    return held;
  } catch (error) {
    await host.removeContainer(id, { deadlineMs: RELEASE_MS }).catch(() => {/* It ends by itself. */});
    throw error;
  }
}

/** The id of the lock's container, made here or found; undefined where it has gone in between. */
async function makeOrFind(options: InstanceLockOptions, name: string): Promise<string | undefined> {
  const { host, instance } = options;
  try {
    return await host.createContainer(lockSpec(options), { name, deadlineMs: STEP_MS });
  } catch (error) {
    if (!(error instanceof OmcpError) || error.code !== "engine_conflict") throw error;
  }
  const found = await host.inspectContainer(name, { deadlineMs: STEP_MS }).catch((error: unknown) => {
    if (error instanceof OmcpError && error.code === "engine_not_found") return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (found.labels[LABEL_ROLE] === "lock" && found.labels[LABEL_INSTANCE] === instance) return found.id;
  throw new OmcpError("instance_in_use", `A container that is not of this program has the name ${name}`, {
    state: "It was not touched.",
    next: "Rename or remove it, or set another OMCP_INSTANCE.",
  });
}

/** Whether it was this call that started the container. One that runs, is paused or is being removed is another's. */
async function start(host: ContainerRuntime, id: string): Promise<boolean> {
  try {
    return await host.startContainer(id, { deadlineMs: STEP_MS });
  } catch (error) {
    if (error instanceof OmcpError && ["engine_conflict", "engine_not_found"].includes(error.code)) {
      return false;
    }
    const state = await within(
      host.inspectContainer(id).then((found) => found.state.status, () => ""),
      STEP_MS,
    );
    if (state === "paused" || state === "removing") return false;
    // Not by force: another server may have started it since.
    throw error;
  }
}

function lockSpec({ image, instance, leaseSeconds }: InstanceLockOptions): ContainerSpec {
  const spec = confinedContainer({
    image,
    labels: labelsOf({ instance, role: "lock", name: instance, version: VERSION }),
    env: {},
    uid: DATABASE_UID,
    oomScoreAdj: 0,
    command: ["python3", "-I", "-S", "-c", program, String(leaseSeconds)],
    workingDir: "/",
    hostname: "lock",
    seccomp: SANDBOX_SECCOMP,
    memoryBytes: 64 * MIB,
    // No sandbox may keep it from answering.
    cpuShares: CPU_SHARES.database,
    pids: 16,
    openFiles: 64,
    tmpfs: [],
  });
  // Its stdin ends with the first, and only, attach.
  return { ...spec, StdinOnce: true };
}

function inUse(instance: string, name: string, leaseSeconds: number): OmcpError {
  return new OmcpError("instance_in_use", `Another server with OMCP_INSTANCE=${instance} is running`, {
    state: "It and its sandboxes were not touched; this server has not started.",
    next:
      "End that server, set another OMCP_INSTANCE, or leave it empty for a random one. Where no such server runs any more, " +
      `its lock, the container ${name}, ends by itself within ${leaseSeconds} s.`,
    details: { container: name },
  });
}
