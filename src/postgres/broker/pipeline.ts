import { FRONTEND } from "../wire/message.ts";
import type { Holding } from "./holdings.ts";

/** What executing a statement may do, beyond what it answers. */
export interface Effect {
  readonly changesSettings: boolean;
  /** What it opens at the server each time. */
  readonly opens: Holding | undefined;
  /** Names of prepared statements that it may run by EXECUTE. */
  readonly executes: ReadonlySet<string>;
}

/** For a statement that runs no prepared one. */
export const NO_NAMES: ReadonlySet<string> = new Set();
const NONE: Effect = { changesSettings: false, opens: undefined, executes: NO_NAMES };
/** The most statements whose effects are remembered; any other counts as {@link WORST}. */
const MAX_NAMES = 1_000;
const WORST: Effect = { changesSettings: true, opens: "cursors", executes: NO_NAMES };

/**
 * The state of a client between two Syncs, and which of its statements may change settings. The server reports a changed setting
 * only before ReadyForQuery, so what follows such a statement is held until then; and no Query overtakes an open pipeline.
 */
export class Pipeline {
  /** By name; statements and portals without an effect are left out. */
  readonly #statements = new Map<string, Effect>();
  readonly #portals = new Map<string, Effect>();
  /** Names that the protocol has given to other statements than SELECT. */
  readonly #others = new Set<string>();
  #tooMany = false;
  #open = false;
  #changed = false;
  #failed = false;

  /** Whether a statement that may change settings was executed since the last Sync. */
  get changed(): boolean {
    return this.#changed;
  }

  /** Whether the number of prepared statements with an effect has reached the limit, so that no more can be distinguished. */
  get full(): boolean {
    return this.#statements.size >= MAX_NAMES;
  }

  /** Notes a Parse. */
  parsed(statement: string, effect: Effect, selects: boolean): void {
    this.#open = true;
    if (!selects && this.#others.size < MAX_NAMES) this.#others.add(statement);
    this.#note(this.#statements, statement, effect);
  }

  /** Notes that a message was refused: the substitute that was sent in its place fails, and the server passes over what follows. */
  refused(): void {
    this.#open = true;
    this.#failed = true;
  }

  /** Notes a Bind. */
  bound(portal: string, statement: string): void {
    this.#open = true;
    this.#note(this.#portals, portal, this.#statements.get(statement) ?? NONE);
  }

  /** What an Execute may open. */
  opens(portal: string): Holding | undefined {
    return this.#effectOf(portal).opens;
  }

  /** Notes an Execute. */
  executed(portal: string): void {
    this.#open = true;
    if (this.#effectOf(portal).changesSettings) this.#changed = true;
  }

  /**
   * Finds a prepared statement that SQL's EXECUTE may not run. The guard allows PREPARE only for a SELECT. But the protocol's Parse prepares
   * anything, such as SAVEPOINT or SET, and EXECUTE would run it from within another statement.
   *
   * @param names Prepared statements.
   * @returns The name of one that may not be a SELECT, or may do more than read.
   */
  beyondReading(names: Iterable<string>): string | undefined {
    for (const name of names) {
      if (
        this.#tooMany || this.#others.size >= MAX_NAMES || this.#others.has(name) ||
        this.#statements.has(name)
      ) {
        return name;
      }
    }
    return undefined;
  }

  /** The prepared statements that executing this portal may run by SQL's EXECUTE. */
  executes(portal: string): ReadonlySet<string> {
    return this.#effectOf(portal).executes;
  }

  /** Notes any other message that an open pipeline holds. */
  sent(): void {
    this.#open = true;
  }

  /** Whether the broker must sync, and see the answer, before a message of this type is sent. */
  needsSync(type: number): boolean {
    if (type === FRONTEND.sync || type === FRONTEND.flush) return false;
    return this.#changed || (this.#open && type === FRONTEND.query);
  }

  /** Whether the server would pass over a message of this type, because the pipeline has failed. */
  passesOver(type: number): boolean {
    return this.#failed && type !== FRONTEND.sync;
  }

  /** Notes that a Sync was sent. @param failed Whether it was the broker's own, of a pipeline that had failed. */
  synced(failed = false): void {
    this.#open = false;
    this.#changed = false;
    this.#failed = failed;
  }

  #effectOf(portal: string): Effect {
    return this.#portals.get(portal) ?? (this.#tooMany ? WORST : NONE);
  }

  /**
   * Adds an effect to the earlier ones of a name: if the server refuses the new Parse or Bind, the earlier one is still valid. Only
   * the effect of the unnamed "" is replaced.
   */
  #note(names: Map<string, Effect>, name: string, effect: Effect): void {
    const before = name === "" ? NONE : names.get(name) ?? NONE;
    const changesSettings = before.changesSettings || effect.changesSettings;
    const opens = effect.opens ?? before.opens;
    // Without a set of its own for each message: most execute nothing.
    const executes = effect.executes.size === 0 ? before.executes : before.executes.union(effect.executes);
    if (!changesSettings && opens === undefined && executes.size === 0) names.delete(name);
    // Beyond the limit, names are not distinguished.
    else if ((!names.has(name) && names.size >= MAX_NAMES) || executes.size > MAX_NAMES) this.#tooMany = true;
    else names.set(name, { changesSettings, opens, executes });
  }
}
