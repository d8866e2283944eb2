import type { BrokerLimits } from "./limits.ts";

/** The cancel key of one client connection, made here: the server's own keys never reach a client. */
export interface ClientKey {
  readonly processId: number;
  readonly secret: Uint8Array;
}

/** An admitted connection. */
export interface Admission {
  readonly key: ClientKey;
  /** Notes that the client has left, and its statement still runs at the server. */
  overrun(): void;
  /** Releases the connection's permit; a second call does nothing. */
  release(): void;
}

/** A connection that is kept for later statements, and gives way to others. */
export interface KeptConnection {
  /** Whether it owes no answer and has no transaction. */
  readonly idle: () => boolean;
  /** Ends it. Resolves when its permit is released. */
  readonly end: () => Promise<unknown>;
}

/** Counts the connections of all sandboxes, so that they stay within the limit for the whole server. */
export class ConnectionCount {
  readonly #limits: BrokerLimits;
  readonly #kept = new Map<KeptConnection, SandboxConnections>();
  #open = 0;

  /** @param limits Only `connectionsTotal` is used. */
  constructor(limits: BrokerLimits) {
    this.#limits = limits;
  }

  /** Connections open now. */
  get open(): number {
    return this.#open;
  }

  /** Acquires a permit. @returns False if none is left. */
  acquire(): boolean {
    if (this.#open >= this.#limits.connectionsTotal) return false;
    this.#open += 1;
    return true;
  }

  /** Releases a permit. */
  release(): void {
    this.#open -= 1;
  }

  /**
   * Notes a connection that gives way.
   *
   * @param connection The connection.
   * @param owner Whose it is.
   * @returns Forgets it.
   */
  keep(connection: KeptConnection, owner: SandboxConnections): Disposable {
    this.#kept.set(connection, owner);
    return { [Symbol.dispose]: () => this.#kept.delete(connection) };
  }

  /**
   * Ends a kept connection that is idle.
   *
   * @param owner Only one of this sandbox. @default anybody's
   * @returns Whether there was one.
   */
  async giveWay(owner?: SandboxConnections): Promise<boolean> {
    for (const [connection, its] of this.#kept) {
      if ((owner !== undefined && its !== owner) || !connection.idle()) continue;
      this.#kept.delete(connection);
      await connection.end();
      return true;
    }
    return false;
  }
}

/** Maximum of snapshots that are remembered per sandbox; each lives as long as the transaction that exported it. */
const MAX_SNAPSHOTS = 1_000;

/** One sandbox's side of the database: who is connected, and which cancel keys are its own. */
export class SandboxConnections {
  readonly #limits: BrokerLimits;
  readonly #count: ConnectionCount;
  readonly #snapshots = new Set<string>();
  /** Process ids, as in the keys, of connections whose statement still runs although the client has left. */
  readonly #overrun = new Set<number>();
  readonly #connections = new Map<
    number,
    { readonly secret: Uint8Array; readonly cancel: () => Promise<unknown> }
  >();

  /**
   * @param limits Only `connectionsPerSandbox` is used.
   * @param count Shared with the other sandboxes.
   */
  constructor(limits: BrokerLimits, count: ConnectionCount) {
    this.#limits = limits;
    this.#count = count;
  }

  /**
   * Admits a connection.
   *
   * @param cancel What a cancel request with its key does.
   * @returns Its key, or why it is refused.
   */
  admit(cancel: () => Promise<unknown>): Admission | { readonly full: string; readonly hint: string } {
    if (this.#isFull) {
      return {
        full: `this sandbox has ${this.#connections.size} connections open, which is the most it may have${
          this.#overrun.size === 0
            ? ""
            : `; ${this.#overrun.size} of them run statements that were cancelled and do not end`
        }`,
        hint: "Close those that are not needed: `with psycopg.connect() as connection`, engine.dispose(). " +
          "Python closes forgotten ones when it collects garbage: import gc; gc.collect().",
      };
    }
    if (!this.#count.acquire()) {
      return {
        full: `all ${this.#limits.connectionsTotal} connections of this server are taken`,
        hint: "Try again in a moment.",
      };
    }
    const key = this.#newKey();
    this.#connections.set(key.processId, { secret: key.secret, cancel });
    const overrun = (): void => {
      this.#overrun.add(key.processId);
    };
    const release = (): void => {
      this.#overrun.delete(key.processId);
      if (this.#connections.delete(key.processId)) this.#count.release();
    };
    return { key, overrun, release };
  }

  /**
   * Admits a connection, for which kept ones that are idle give way.
   *
   * @param cancel As for {@link admit}.
   * @returns As {@link admit}.
   */
  async admitBeforeKept(cancel: () => Promise<unknown>): Promise<ReturnType<SandboxConnections["admit"]>> {
    let admission = this.admit(cancel);
    while ("full" in admission) {
      if (!await this.#count.giveWay(this.#isFull ? this : undefined)) return admission;
      admission = this.admit(cancel);
    }
    return admission;
  }

  /** Notes a connection that gives way to others. @returns Forgets it. */
  keep(connection: KeptConnection): Disposable {
    return this.#count.keep(connection, this);
  }

  /** Snapshots that this sandbox has exported. */
  get snapshots(): ReadonlySet<string> {
    return this.#snapshots;
  }

  /** Remembers a snapshot. @param name Its name at the server. */
  addSnapshot(name: string | undefined): void {
    if (name === undefined) return;
    this.#snapshots.add(name);
    const [oldest] = this.#snapshots;
    if (this.#snapshots.size > MAX_SNAPSHOTS && oldest !== undefined) this.#snapshots.delete(oldest);
  }

  /**
   * Carries out a cancel request, if its key is one of this sandbox's; otherwise does nothing, as PostgreSQL does.
   *
   * @param processId First half of the key.
   * @param secret Second half.
   * @returns Resolves when it is carried out, so that it cannot cancel what the client sends afterwards.
   */
  async cancel(processId: number, secret: Uint8Array): Promise<void> {
    const connection = this.#connections.get(processId);
    if (connection === undefined || secret.length !== connection.secret.length) return;
    let difference = 0;
    for (let index = 0; index < secret.length; index += 1) {
      difference |= (secret[index] ?? 0) ^ (connection.secret[index] ?? 0);
    }
    if (difference === 0) await connection.cancel();
  }

  /** Whether this sandbox has all that it may have. */
  get #isFull(): boolean {
    return this.#connections.size >= this.#limits.connectionsPerSandbox;
  }

  #newKey(): ClientKey {
    while (true) {
      const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
      const processId = (random & 0x7fffffff) || 1;
      if (this.#connections.has(processId)) continue;
      return { processId, secret: crypto.getRandomValues(new Uint8Array(4)) };
    }
  }
}
