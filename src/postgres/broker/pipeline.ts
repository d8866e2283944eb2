import { FRONTEND } from "../wire/message.ts";
import { type Holding, Holdings } from "./holdings.ts";

/** More names are not told apart: then all statements are taken for such that change settings. */
const MAX_NAMES = 1_000;

/**
 * Where a client stands between two Syncs, and which of its statements may change settings. The server tells of a changed setting
 * only before ReadyForQuery, so what follows such a statement is held until then; and no Query overtakes an open pipeline.
 */
export class Pipeline {
  readonly #statements = new Set<string>();
  readonly #portals = new Set<string>();
  /** What statements, and portals of them, open each time they are executed. */
  readonly #opening = { statements: new Map<string, Holding>(), portals: new Map<string, Holding>() };
  #tooMany = false;
  #open = false;
  #changed = false;
  #failed = false;

  /** Whether a statement that may change settings was executed since the last Sync. */
  get changed(): boolean {
    return this.#changed;
  }

  /** Whether so many opening statements were prepared that no more of them can be told apart. */
  get full(): boolean {
    return this.#opening.statements.size >= MAX_NAMES;
  }

  /** Notes a Parse. A name stays noted: whether the server takes the next Parse under it is not known yet. */
  parsed(statement: string, changesSettings: boolean, command = ""): void {
    this.#open = true;
    const holding = Holdings.opens(command);
    if (holding !== undefined) this.#opening.statements.set(statement, holding);
    else if (statement === "") this.#opening.statements.delete("");
    if (changesSettings) this.#note(this.#statements, statement);
    else if (statement === "") this.#statements.delete("");
  }

  /** Notes a Bind. */
  bound(portal: string, statement: string): void {
    this.#open = true;
    if (this.#statements.has(statement)) this.#note(this.#portals, portal);
    else if (portal === "") this.#portals.delete("");
    const holding = this.#opening.statements.get(statement);
    if (holding !== undefined) this.#opening.portals.set(portal, holding);
    else if (portal === "") this.#opening.portals.delete("");
  }

  /** What an Execute opens, as far as that may be. */
  opens(portal: string): Holding | undefined {
    return this.#opening.portals.get(portal);
  }

  /** Notes an Execute. */
  executed(portal: string): void {
    this.#open = true;
    if (this.#tooMany || this.#portals.has(portal)) this.#changed = true;
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

  /** Whether the server would pass over a message of this type, because the pipeline that the broker synced had failed. */
  passesOver(type: number): boolean {
    return this.#failed && type !== FRONTEND.sync;
  }

  /** Notes that a Sync was sent. @param failed Whether it was the broker's own, of a pipeline that had failed. */
  synced(failed = false): void {
    this.#open = false;
    this.#changed = false;
    this.#failed = failed;
  }

  #note(names: Set<string>, name: string): void {
    if (names.size < MAX_NAMES) names.add(name);
    else this.#tooMany = true;
  }
}
