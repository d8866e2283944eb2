import type { ByteReader } from "../../lib/byte_reader.ts";
import {
  type FrontendMessage,
  FrontendProtocolError,
  readFrontendMessage,
  takeMessage,
} from "../wire/frontend.ts";
import { cstring, FRONTEND, message, readName, wireName } from "../wire/message.ts";
import {
  type Audit,
  audited,
  type Auditing,
  type ForwardedStatement,
  sourceOf,
  statementNote,
  statementSource,
  UNAUDITED,
} from "./audit.ts";
import {
  decodeSql,
  foreignType,
  MAX_NAME_BYTES,
  nameTooLong,
  oversized,
  parameterTypes,
  single,
} from "./client_text.ts";
import type { Expectation, PipelineState } from "./pipeline_state.ts";
import type { CostBudget } from "./cost_budget.ts";
import { Holdings } from "./holdings.ts";
import { type Effect, NO_NAMES, Pipeline } from "./pipeline.ts";
import { joinedPlaces } from "./positions.ts";
import type { StatementPlanner } from "./planner.ts";
import { type Refusal, type Substitute, substituteFor } from "./refusals.ts";
import type { ServerWriter } from "./server_writer.ts";
import { type ConnectionLimits, StatementLimits } from "./statement_limits.ts";
import { TextPlanner } from "./text_planner.ts";

/** What a {@link FrontendRelay} works with. */
export interface FrontendRelayOptions {
  readonly sandboxId: string;
  readonly client: ByteReader;
  readonly server: ServerWriter;
  readonly planner: StatementPlanner;
  readonly state: PipelineState;
  readonly audit: Audit;
  readonly auditing: Auditing;
  /** What statements may cost; undefined for no limit. */
  readonly costs: CostBudget | undefined;
  /** Snapshots that this sandbox has exported. */
  readonly snapshots: ReadonlySet<string>;
  readonly limits: ConnectionLimits;
}

/** A refusal, with what the audit records of the text. */
type RefusedText = Refusal & { readonly normalized?: string | null; readonly source?: string };

const SYNC = message(FRONTEND.sync);
const FLUSH = message(FRONTEND.flush);
/**
 * Outstanding answers at which the relay stops reading from the client. What is kept for each lives longer than V8's young generation:
 * with 500, pipelines left garbage of 50 MB (docs/neighbours.md).
 */
const MAX_OWED = 100;
/** Between statements: on a line of its own, because a statement may end with a comment. */
const SEPARATOR = "\n;\n";

/**
 * Reads the client's messages in order, plans every SQL text, and sends what may pass. All handlers are here,
 * which makes this longer than 300 lines, because they share one pipeline and the order of sending.
 */
export class FrontendRelay {
  readonly #options: FrontendRelayOptions;
  readonly #pipeline = new Pipeline();
  readonly #limits: StatementLimits;
  readonly #texts: TextPlanner;

  /** @param options Both ends, and the state between them. */
  constructor(options: FrontendRelayOptions) {
    this.#options = options;
    this.#limits = new StatementLimits(this.#pipeline, options.state, options.limits);
    this.#texts = new TextPlanner({ ...options, flush: () => options.server.flush() });
  }

  /** Cancels what is not sent yet, because a cancel at the server would not reach it. */
  cancel(): void {
    this.#texts.cancel();
  }

  /**
   * Relays until the client leaves or sends Terminate.
   *
   * @throws {FrontendProtocolError} If the client breaks the protocol.
   */
  async run(): Promise<void> {
    const { client, server, state } = this.#options;
    while (true) {
      // Without a promise for each message: a pipeline has thousands that have arrived already.
      const arrived = takeMessage(client);
      if (arrived === undefined || server.full) await server.flush();
      const next = arrived ?? await readFrontendMessage(client);
      if (next === undefined || next.type === FRONTEND.terminate) return await server.flush();
      if (this.#pipeline.passesOver(next.type)) continue;
      if (this.#pipeline.needsSync(next.type) && !(await this.#syncOfOurOwn())) continue;
      const handled = this.#handle(next);
      if (handled !== undefined) await handled;
      if (state.owed > MAX_OWED) {
        // Without a Flush, the server may hold its answers back.
        server.add(FLUSH);
        await server.flush();
        await state.drained(MAX_OWED / 2);
      }
    }
  }

  /** Handles a message that may be sent now. Returns a promise if the next one must wait. */
  #handle(next: FrontendMessage): Promise<void> | void {
    if (next.oversized !== undefined) return this.#handleOversized(next.type, next.oversized);
    switch (next.type) {
      case FRONTEND.query:
        return this.#query(next.body);
      case FRONTEND.parse:
        return this.#parse(next.body);
      case FRONTEND.bind:
        return this.#bind(next);
      case FRONTEND.describe:
      case FRONTEND.close:
        return this.#describeOrClose(next);
      case FRONTEND.execute:
        return this.#execute(next);
      case FRONTEND.sync:
        return this.#sync();
      case FRONTEND.flush:
        return this.#options.server.add(FLUSH);
      case FRONTEND.functionCall:
        return this.#refuseQuery([], {
          sqlstate: "0A000",
          message: "function calls of the protocol are not allowed in a sandbox",
          hint: "Call the function in a SELECT.",
        });
      default:
        // COPY data is never expected, because COPY FROM STDIN never passes.
        throw new FrontendProtocolError("unexpected COPY data");
    }
  }

  #handleOversized(type: number, size: number): void {
    if (type === FRONTEND.query) this.#refuseQuery([], oversized(type, size));
    else this.#refuseExtended("", oversized(type, size));
  }

  #sync(): Promise<void> | undefined {
    this.#send({ kind: "sync" }, SYNC);
    const settles = this.#pipeline.changed ? this.#answered() : undefined;
    this.#pipeline.synced();
    return settles;
  }

  async #query(body: Uint8Array): Promise<void> {
    const sql = decodeSql(body, 0);
    if (typeof sql !== "string") return this.#refuseQuery([], sql.refusal);
    const passed: ForwardedStatement[] = [];
    let refused: RefusedText | undefined;
    let preparing = 0;
    for (const plan of await this.#texts.plan(sql)) {
      if (plan.kind === "refuse") {
        refused = { source: sql, ...plan };
        break;
      }
      if (plan.command === "prepare") preparing += 1;
      refused = plan.command === "prepare"
        ? this.#limits.preparing(preparing)
        : this.#limits.executing(executedBy(plan)) ?? this.#limits.opening(Holdings.opens(plan.command));
      if (refused !== undefined) {
        refused = { ...refused, source: sourceOf(plan), normalized: plan.normalized };
        break;
      }
      passed.push(plan);
    }
    if (refused === undefined) this.#sendQuery(passed);
    else this.#refuseQuery(passed, refused);
    if (passed.some((plan) => plan.changesSettings === true)) await this.#answered();
  }

  #sendQuery(statements: readonly ForwardedStatement[], substitute?: Substitute): void {
    const texts = [...statements, ...(substitute === undefined ? [] : [substitute])].map(({ sql }) => sql);
    this.#send({
      kind: "query",
      statements: statements.map((statement) => statementNote(statement, this.#options.auditing.keepsSource)),
      places: joinedPlaces(statements, SEPARATOR),
      substitute,
    }, message(FRONTEND.query, cstring(texts.join(SEPARATOR))));
  }

  /** Waits until the server has answered everything, and so has reported every setting that changed. */
  async #answered(): Promise<void> {
    await this.#options.server.flush();
    await this.#options.state.drained(0);
  }

  /** Ends a pipeline that the client has left open. Returns whether all of it succeeded. */
  async #syncOfOurOwn(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#send({ kind: "sync", own: resolve }, SYNC);
    await this.#options.server.flush();
    const intact = await promise;
    this.#pipeline.synced(!intact);
    return intact;
  }

  async #parse(body: Uint8Array): Promise<void> {
    const name = readName(body, 0);
    if (name === undefined) throw new FrontendProtocolError("invalid Parse message");
    if (name.name.length > MAX_NAME_BYTES) return this.#refuseExtended("", nameTooLong(name.name));
    const end = body.indexOf(0, name.next);
    if (end < 0 || body.length < end + 3) throw new FrontendProtocolError("invalid Parse message");
    const sql = decodeSql(body.subarray(0, end + 1), name.next);
    if (typeof sql !== "string") return this.#refuseExtended(name.name, sql.refusal);
    const declared = parameterTypes(body, end + 1);
    const foreign = declared.find((oid) => !this.#options.planner.parameterTypes.has(oid));
    if (foreign !== undefined) {
      return this.#refuseExtended(name.name, { source: sql, ...foreignType(foreign) });
    }
    const plan = single(await this.#texts.plan(sql, declared));
    if (plan.kind === "refuse") return this.#refuseExtended(name.name, { source: sql, ...plan });
    const effect: Effect = {
      changesSettings: plan.changesSettings === true,
      opens: Holdings.opens(plan.command),
      executes: executedBy(plan),
    };
    const effective = effect.opens !== undefined || effect.executes.size > 0;
    const full = name.name === "" && plan.command !== "prepare"
      ? undefined
      : this.#limits.preparing(this.#pipeline.full && effective ? Infinity : 1);
    if (full !== undefined) return this.#refuseExtended(name.name, { source: sql, ...full });
    this.#pipeline.parsed(name.name, effect, plan.command === "select");
    this.#send(
      { kind: "parse", name: name.name, note: statementNote(plan, this.#options.auditing.keepsSource) },
      message(FRONTEND.parse, body.subarray(0, name.next), cstring(plan.sql), body.subarray(end + 1)),
    );
  }

  #bind({ body, bytes }: FrontendMessage): void {
    const portal = readName(body, 0);
    const statement = portal === undefined ? undefined : readName(body, portal.next);
    if (portal === undefined || statement === undefined) {
      throw new FrontendProtocolError("invalid Bind message");
    }
    const long = [portal.name, statement.name].find((name) => name.length > MAX_NAME_BYTES);
    if (long !== undefined) return this.#refuseExtended("", nameTooLong(long));
    const full = portal.name === "" ? undefined : this.#limits.opening("cursors");
    if (full !== undefined) return this.#refuseExtended("", full);
    this.#pipeline.bound(portal.name, statement.name);
    this.#send({ kind: "bind", portal: portal.name, statement: statement.name }, bytes);
  }

  #describeOrClose({ type, body, bytes }: FrontendMessage): void {
    const name = readName(body, 1);
    const what = body[0] === 0x53 ? "statement" : "portal"; // S or P
    if (name === undefined) throw new FrontendProtocolError("invalid Describe or Close message");
    if (name.name.length > MAX_NAME_BYTES) return this.#refuseExtended("", nameTooLong(name.name));
    this.#pipeline.sent();
    const close = type === FRONTEND.close;
    this.#send(close ? { kind: "close", what, name: name.name } : { kind: "describe" }, bytes);
  }

  #execute({ body, bytes }: FrontendMessage): void {
    const portal = readName(body, 0);
    if (portal === undefined) throw new FrontendProtocolError("invalid Execute message");
    if (portal.name.length > MAX_NAME_BYTES) return this.#refuseExtended("", nameTooLong(portal.name));
    const refused = (this.#options.auditing.ready() ? undefined : UNAUDITED) ??
      this.#limits.executing(this.#pipeline.executes(portal.name)) ??
      this.#limits.opening(this.#pipeline.opens(portal.name));
    if (refused !== undefined) return this.#refuseExtended("", refused);
    this.#pipeline.executed(portal.name);
    this.#send({ kind: "execute", portal: portal.name }, bytes);
  }

  #refuseQuery(before: readonly ForwardedStatement[], refusal: RefusedText): void {
    this.#sendQuery(before, this.#refuse(refusal));
  }

  #refuseExtended(name: string, refusal: RefusedText): void {
    const substitute = this.#refuse(refusal);
    this.#pipeline.refused();
    const latin1 = Uint8Array.from(name, (character) => character.charCodeAt(0));
    this.#send(
      { kind: "refused", substitute },
      message(FRONTEND.parse, latin1, new Uint8Array(1), cstring(substitute.sql), new Uint8Array(2)),
    );
  }

  #refuse(refusal: RefusedText): Substitute {
    const { sandboxId, auditing } = this.#options;
    const { source, normalized = null, ...shown } = refusal;
    this.#options.audit({
      sandboxId,
      source: source === undefined ? undefined : statementSource(source, auditing.keepsSource),
      normalizedSql: audited(normalized),
      decision: "refuse",
      rows: 0,
      bytes: 0,
      elapsedMs: 0,
      sqlstate: refusal.sqlstate,
    });
    return substituteFor(shown);
  }

  #send(expectation: Expectation, bytes: Uint8Array): void {
    const { state, server } = this.#options;
    state.push(expectation);
    server.add(bytes);
  }
}

/** The prepared statements that a statement runs, by the names that messages give. */
function executedBy({ executes }: ForwardedStatement): ReadonlySet<string> {
  return executes === undefined ? NO_NAMES : new Set([wireName(executes)]);
}
