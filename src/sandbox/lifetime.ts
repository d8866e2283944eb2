/** The lifetime of one sandbox: its age, why it must be removed, how it ended, and its removal. */
import { type Clock, SYSTEM_CLOCK } from "../lib/clock.ts";
import type { OmcpError } from "../errors.ts";
import type { AgentContainer, ContainerEnd, Removal } from "../runtime/mod.ts";
import { endedError, type SandboxEnd } from "./endings.ts";

/** What a {@link Lifetime} is made of. */
export interface LifetimeParts {
  readonly id: string;
  readonly container: Pick<AgentContainer, "ended" | "remove">;
  /** Idle time after which it expires, ms. */
  readonly idleMs: number;
  /** Age at which it expires, ms. */
  readonly lifetimeMs: number;
  /** When it was handed out, in milliseconds since the epoch. @default now */
  readonly createdAt?: number;
  /** Where it reads the time. @default the process's own */
  readonly clock?: Clock;
}

/** The lifetime of one sandbox. The monotonic clock measures ages, so a step of the wall clock does not expire a sandbox. */
export class Lifetime {
  readonly id: string;
  /** Resolves as soon as it accepts no more calls. */
  readonly ended: Promise<SandboxEnd>;
  /** Resolves when the container's removal is confirmed. */
  readonly removed: Promise<void>;
  readonly idleMs: number;
  /** Age at which it expires, ms. */
  readonly lifetimeMs: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly #ended = Promise.withResolvers<SandboxEnd>();
  readonly #removed = Promise.withResolvers<void>();
  readonly #container: LifetimeParts["container"];
  readonly #clock: Clock;
  readonly #start: number;
  #lastUse: number;
  #end: SandboxEnd | undefined;
  #removal: Removal | undefined;

  constructor(parts: LifetimeParts) {
    const { id, container, idleMs, lifetimeMs, clock = SYSTEM_CLOCK, createdAt = clock.wall() } = parts;
    this.id = id;
    this.ended = this.#ended.promise;
    this.removed = this.#removed.promise;
    this.idleMs = idleMs;
    this.createdAt = createdAt;
    this.#container = container;
    this.lifetimeMs = lifetimeMs;
    this.#clock = clock;
    this.#lastUse = clock.monotonic();
    this.#start = this.#lastUse - (clock.wall() - createdAt);
  }

  /** Milliseconds since the epoch. */
  get lastUsedAt(): number {
    return this.#clock.wall() - Math.round(this.unusedMs);
  }

  /** When its lifetime ends, in milliseconds since the epoch. */
  get endsAt(): number {
    return this.createdAt + this.lifetimeMs;
  }

  /** Milliseconds until its lifetime ends. */
  get remainingMs(): number {
    return this.lifetimeMs - (this.#clock.monotonic() - this.#start);
  }

  /** Milliseconds since its last use. */
  get unusedMs(): number {
    return this.#clock.monotonic() - this.#lastUse;
  }

  /** Why it ended, or is ending; undefined while it accepts calls. */
  get end(): SandboxEnd | undefined {
    return this.#end;
  }

  /** Whether the container's removal is confirmed. */
  get isRemoved(): boolean {
    return this.#removal?.isRemoved ?? false;
  }

  /** Resolves when the container or its channel has ended, for whatever reason. */
  get containerEnded(): Promise<ContainerEnd> {
    return this.#container.ended;
  }

  /** Counts now as its last use. */
  touch(): void {
    this.#lastUse = this.#clock.monotonic();
  }

  /**
   * Why it must be removed now; undefined while it may stay.
   *
   * @param busy Whether a call uses it, or waits to.
   */
  expiryReason(busy: boolean): string | undefined {
    if (this.#end !== undefined) return undefined;
    if (this.remainingMs < 0) return `its lifetime of ${this.lifetimeMs / 1000} s is over`;
    if (!busy && this.unusedMs > this.idleMs) return `it was idle for ${this.idleMs / 1000} s`;
    return undefined;
  }

  /**
   * Ends it and removes its container, and retries until that succeeds. Idempotent; it keeps the first reason.
   *
   * @returns The removal. A repeated call retries at once where the last attempt failed.
   */
  remove(end: SandboxEnd): Removal {
    this.#end ??= end;
    this.#ended.resolve(this.#end);
    this.#removal = this.#container.remove(end.reason);
    void this.#removal.removed.then(() => this.#removed.resolve());
    return this.#removal;
  }

  /**
   * The error of a call on a sandbox that has ended; undefined while it accepts calls.
   *
   * @param sent False if the call's cell certainly did not reach it. @default true
   */
  endError(sent = true): OmcpError | undefined {
    return this.#end && endedError(this.id, this.#end, { removed: this.isRemoved, sent });
  }

  /** Throws the error of a call on a sandbox that has ended, if it has ended. */
  throwIfEnded(): void {
    const error = this.endError();
    if (error !== undefined) throw error;
  }
}
