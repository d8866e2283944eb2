import type { Audit, StatementNote } from "./audit.ts";
import { Holdings } from "./holdings.ts";
import type { Place } from "../guard/text.ts";
import { writtenPosition } from "./positions.ts";
import type { Substitute } from "./refusals.ts";
import { wireName } from "../wire/message.ts";

/** A message whose answer the server still owes, in the order of sending. */
export type Expectation =
  | {
    readonly kind: "query";
    readonly statements: readonly StatementNote[];
    /** The places of the whole text's parts in the client's text. */
    readonly places: readonly Place[];
    /** Follows the statements, if one was refused. */
    readonly substitute: Substitute | undefined;
  }
  | { readonly kind: "parse"; readonly name: string; readonly note: StatementNote }
  | { readonly kind: "refused"; readonly substitute: Substitute }
  | { readonly kind: "bind"; readonly portal: string; readonly statement: string }
  | { readonly kind: "describe" }
  | { readonly kind: "execute"; readonly portal: string }
  | { readonly kind: "close"; readonly what: "statement" | "portal"; readonly name: string }
  | {
    readonly kind: "sync";
    /** Set for a Sync of the broker's own: called with whether everything before it succeeded. The client gets no answer. */
    readonly own?: (intact: boolean) => void;
  };

const PREPARE = "prepare";
const UNKNOWN: StatementNote = { normalized: null, command: "unknown", source: undefined };

/** How many statements a message may prepare. */
function prepares(message: Expectation): number {
  if (message.kind === "query") return message.statements.filter(({ command }) => command === PREPARE).length;
  if (message.kind !== "parse") return 0;
  return (message.name === "" ? 0 : 1) + (message.note.command === PREPARE ? 1 : 0);
}

/**
 * Follows one session by the server's answers: which statement an answer belongs to, its rows and bytes, and whether the session
 * is within a transaction. A name counts when the server confirms it, so that the audit names what really ran.
 * One class, longer than 300 lines, because every answer changes the queue, the names and the times together.
 */
export class PipelineState {
  readonly #sandboxId: string;
  readonly #audit: Audit;
  readonly #queue: Expectation[] = [];
  readonly #statements = new Map<string, StatementNote>();
  readonly #portals = new Map<string, StatementNote>();
  /** Statements that the messages in the queue may prepare. */
  #preparing = 0;
  #wake: (() => void) | undefined;
  #queryIndex = 0;
  #queryFailed = false;
  #skipping = false;
  /** Whether something failed since the last ReadyForQuery. */
  #failed = false;
  #since = performance.now();
  /** Statements and groups of them that were answered, well or not. */
  #answers = 0;
  #cancelledAt: number | undefined;
  #heardAt = 0;
  /** Rows and bytes of the statement that answers now. */
  rows = 0;
  bytes = 0;
  /** What the session holds open. */
  readonly holdings = new Holdings();
  /** `I` idle, `T` in a transaction, `E` in a failed one. */
  status = "I";

  /**
   * @param sandboxId For the audit.
   * @param audit Where statements are reported.
   */
  constructor(sandboxId: string, audit: Audit) {
    this.#sandboxId = sandboxId;
    this.#audit = audit;
  }

  /** What kind of statement answers now. */
  get command(): string | undefined {
    const head = this.#queue[0];
    return head === undefined ? undefined : this.#noteOf(head)?.command;
  }

  /** The substitute of a refused statement, if one may answer now. */
  get substitute(): Substitute | undefined {
    const head = this.#queue[0];
    return head?.kind === "query" || head?.kind === "refused" ? head.substitute : undefined;
  }

  /** Whether the server owes an answer. */
  get busy(): boolean {
    return this.#queue.length > 0;
  }

  /** How many answers it owes. */
  get owed(): number {
    return this.#queue.length;
  }

  /** Statements that are prepared, as far as the server has said, and those on their way. */
  get prepared(): number {
    return this.#statements.size + this.#preparing;
  }

  /** Milliseconds since the statement that answers now could begin, or since the last answer if the server owes none. */
  get sinceMs(): number {
    return performance.now() - this.#since;
  }

  /** The number of answers so far: while it is unchanged, the server is answering the same statement. */
  get answers(): number {
    return this.#answers;
  }

  /** Milliseconds for which the server has been silent since it was asked to cancel what answers now; 0 if it was not asked. */
  get cancelledMs(): number {
    if (this.#cancelledAt === undefined) return 0;
    return performance.now() - Math.max(this.#cancelledAt, this.#heardAt);
  }

  /** Notes that the server was asked to cancel. @param answers What {@link answers} was before it was asked. */
  cancelled(answers: number): void {
    if (this.busy && answers === this.#answers) this.#cancelledAt ??= performance.now();
  }

  /** Notes that the server has sent something. */
  heard(): void {
    if (this.#cancelledAt !== undefined) this.#heardAt = performance.now();
  }

  /** Notes what is about to be sent. @param expectation What the server will owe. */
  push(expectation: Expectation): void {
    // After an error the server passes over everything up to the next Sync, and owes nothing for it.
    if (this.#skipping && expectation.kind !== "sync") return;
    this.#skipping = false;
    if (this.#queue.length === 0) this.#since = performance.now();
    this.#queue.push(expectation);
    this.#preparing += prepares(expectation);
  }

  /**
   * Waits until fewer answers are owed.
   *
   * @param limit The number at or below which it returns.
   */
  async drained(limit: number): Promise<void> {
    while (this.#queue.length > limit) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  /** Releases everything that waits for the server, which no longer answers. */
  end(): void {
    const head = this.#queue[0];
    if (head !== undefined) this.#report(this.#noteOf(head), "08006");
    for (const expectation of this.#queue) if (expectation.kind === "sync") expectation.own?.(false);
    this.#queue.length = 0;
    this.#moved();
  }

  /** ParseComplete. */
  parsed(): void {
    const head = this.#queue[0];
    if (head?.kind !== "parse") return;
    this.#statements.set(head.name, head.note);
    this.#shift();
  }

  /** BindComplete. */
  bound(): void {
    const head = this.#queue[0];
    if (head?.kind !== "bind") return;
    this.#portals.set(head.portal, this.#statements.get(head.statement) ?? UNKNOWN);
    this.#shift();
  }

  /** CloseComplete. */
  closed(): void {
    const head = this.#queue[0];
    if (head?.kind !== "close") return;
    (head.what === "statement" ? this.#statements : this.#portals).delete(head.name);
    if (head.what === "portal" && head.name !== "") this.holdings.completed("CLOSE CURSOR");
    this.#shift();
  }

  /** RowDescription or NoData, which end the answer to a Describe. */
  described(): void {
    if (this.#queue[0]?.kind === "describe") this.#shift();
  }

  /** CommandComplete, EmptyQueryResponse or PortalSuspended. @param tag The command tag, if there is one. */
  completed(tag: string): void {
    this.#answered();
    const head = this.#queue[0];
    if (head === undefined) return;
    if (this.rows === 0 && tag.startsWith("COPY ")) this.rows = Number(tag.slice(5)) || 0;
    const note = this.#noteOf(head);
    this.#report(note, undefined);
    this.holdings.completed(tag);
    if (tag === "DEALLOCATE ALL" || tag === "DISCARD ALL") this.#statements.clear();
    if (tag === "DEALLOCATE" && note?.argument !== undefined) {
      this.#statements.delete(wireName(note.argument));
    }
    if (tag === "PREPARE" && note?.argument !== undefined) {
      const { argument, ...prepared } = note;
      this.#statements.set(wireName(argument), { ...prepared, command: "select" });
    }
    if (head.kind === "query") this.#queryIndex += 1;
    else this.#shift();
  }

  /** ErrorResponse. @param sqlstate Its code. @param refused True if the audit has it already. */
  failed(sqlstate: string, refused: boolean): void {
    this.#answered();
    const head = this.#queue[0];
    this.#failed = true;
    if (head === undefined) return;
    if (!refused && !this.#queryFailed) this.#report(this.#noteOf(head), sqlstate);
    this.rows = 0;
    this.bytes = 0;
    if (head.kind === "query") this.#queryFailed = true;
    if (head.kind === "query" || head.kind === "sync") return;
    const sync = this.#queue.findIndex((expectation) => expectation.kind === "sync");
    this.#skipping = sync < 0;
    this.#since = performance.now();
    for (const passed of this.#queue.splice(0, sync < 0 ? this.#queue.length : sync)) {
      this.#preparing -= prepares(passed);
    }
    this.#moved();
  }

  /**
   * Finds a character of the client's text.
   *
   * @param position 1-based character of the text that answers now, as it was sent.
   * @returns The same in the client's text.
   */
  writtenPosition(position: number): number {
    const head = this.#queue[0];
    if (head === undefined) return position;
    const places = head.kind === "query" ? head.places : this.#noteOf(head)?.places;
    return writtenPosition(places ?? [], position);
  }

  /** ReadyForQuery. @param status Its transaction status. @returns Whether the client gets it. */
  ready(status: string): boolean {
    this.#answered();
    this.status = status;
    const head = this.#queue[0];
    const intact = !this.#failed;
    this.#failed = false;
    if (head?.kind === "query") this.#statements.delete("");
    this.#queryIndex = 0;
    this.#queryFailed = false;
    this.rows = 0;
    this.bytes = 0;
    if (status === "I") this.#portals.clear();
    this.#since = performance.now();
    if (head?.kind === "query" || head?.kind === "sync") this.#shift();
    if (status === "I" && this.#queue.length === 0) this.holdings.ended();
    if (head?.kind !== "sync" || head.own === undefined) return true;
    head.own(intact);
    return false;
  }

  #answered(): void {
    this.#answers += 1;
    this.#cancelledAt = undefined;
  }

  #noteOf(head: Expectation): StatementNote | undefined {
    switch (head.kind) {
      case "query":
        // After the statements that passed comes the refused one, which the audit already has.
        return head.statements[this.#queryIndex];
      case "parse":
        return head.note;
      case "bind":
        return this.#statements.get(head.statement);
      case "execute":
        return this.#portals.get(head.portal) ?? UNKNOWN;
      default:
        return undefined;
    }
  }

  #report(note: StatementNote | undefined, sqlstate: string | undefined): void {
    if (note !== undefined) {
      this.#audit({
        sandboxId: this.#sandboxId,
        source: note.source,
        normalizedSql: note.normalized,
        decision: "forward",
        command: note.command,
        rows: this.rows,
        bytes: this.bytes,
        elapsedMs: Math.round(this.sinceMs),
        ...(sqlstate === undefined ? {} : { sqlstate }),
      });
    }
    this.rows = 0;
    this.bytes = 0;
    this.#since = performance.now();
  }

  #shift(): void {
    const answered = this.#queue.shift();
    if (answered !== undefined) this.#preparing -= prepares(answered);
    this.#moved();
  }

  #moved(): void {
    // A bound or described statement has not answered yet: its time continues.
    if (this.#queue.length === 0) this.#since = performance.now();
    this.#wake?.();
    this.#wake = undefined;
  }
}
