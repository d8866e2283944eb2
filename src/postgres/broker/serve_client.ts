import { addAbortListener } from "node:events";
import { within } from "../../lib/async/deadline.ts";
import { concatBytes } from "../../lib/bytes.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import { OmcpError } from "../../errors.ts";
import type { StartupDecision } from "../guard/mod.ts";
import type { SessionSettings, Upstream, UpstreamSession } from "../upstream/mod.ts";
import { ByteReader } from "../../lib/byte_reader.ts";
import { FrontendProtocolError } from "../wire/frontend.ts";
import { BACKEND, cstring, int32, message } from "../wire/message.ts";
import type { StartupParameters } from "../wire/opening.ts";
import { ALWAYS_AUDITING, type Audit, type Auditing } from "./audit.ts";
import { FrontendRelay } from "./frontend_relay.ts";
import { Canceller } from "./canceller.ts";
import { ClientWriter, LAST_WRITE_MS } from "./client_writer.ts";
import { PipelineState } from "./pipeline_state.ts";
import type { CostBudget } from "./cost_budget.ts";
import type { Admission, SandboxConnections } from "./sandbox_connections.ts";
import { endSession, type Overrun, type Remnant } from "./end_session.ts";
import { receiveStartup, type Startup } from "./startup.ts";
import type { BrokerLimits } from "./limits.ts";
import type { StatementPlanner } from "./planner.ts";
import { BackendRelay } from "./backend_relay.ts";
import { ConnectionEnd } from "./connection_end.ts";
import { isKept, keptLimits } from "./kept.ts";
import { ServerWriter } from "./server_writer.ts";
import { Watchdog } from "./watchdog.ts";

/** How long another connection waits for the place of one that gives way, in ms. */
const LEAVE_MS = 2_000;

/** What serves a sandbox's connections once the database has been found and checked. */
export interface Backend {
  readonly upstream: Upstream;
  readonly planner: StatementPlanner;
  /** Server parameters each session begins with and RESET returns to. */
  readonly settings: SessionSettings;
  /** Whether the ids of sessions are those of the server's processes: then it can be asked to end one. */
  readonly terminable: boolean;
  /** What statements may cost; undefined for no limit. */
  readonly costs: CostBudget | undefined;
  /** Decides about the settings of a client's startup packet; user and database are ignored, the broker has its own. */
  readonly decideStartup: (parameters: StartupParameters) => StartupDecision;
}

/** What a client's connection is served with. */
export interface ClientSession {
  readonly sandboxId: string;
  readonly connections: SandboxConnections;
  readonly limits: BrokerLimits;
  /**
   * Finds the database.
   *
   * @throws {OmcpError} If it cannot be used now.
   */
  readonly backend: (signal: AbortSignal) => Promise<Backend>;
  readonly audit: Audit;
  /** @default {ALWAYS_AUDITING} */
  readonly auditing?: Auditing;
  /** Called for each statement that did not end when it was cancelled. */
  readonly overran: (outcome: Overrun) => void;
  /** Ends the connection. */
  readonly signal: AbortSignal;
}

/**
 * Serves one connection of a sandbox from its first byte to its last. It never rejects: whatever goes wrong is reported to the
 * client as a Postgres error, or ends the stream.
 *
 * @param stream The client's bytes.
 * @param session Whose connection it is, and what it may use.
 */
export async function serveClient(stream: ByteStream, session: ClientSession): Promise<void> {
  const reader = new ByteReader(stream.readable);
  const writer = new ClientWriter(stream.writable);
  let end: ConnectionEnd | undefined;
  try {
    const startup = await receiveStartup({
      reader,
      writer,
      connections: session.connections,
      deadlineMs: session.limits.startupMs,
    });
    if (startup !== undefined) await new Connection(reader, writer, session).serve(startup);
  } catch (error) {
    end = asEnd(error);
  }
  await finish(writer, end);
  await reader.cancel();
}

class Connection {
  readonly #reader: ByteReader;
  readonly #writer: ClientWriter;
  readonly #session: ClientSession;
  /** Whether it gives way to others. */
  #kept = false;
  /** Resolves when its permit is released. */
  readonly #released = Promise.withResolvers<void>();
  /** What a cancel request of the client does. */
  #onCancel: () => Promise<unknown> = function notYet() {
    return Promise.resolve();
  };

  constructor(reader: ByteReader, writer: ClientWriter, session: ClientSession) {
    this.#reader = reader;
    this.#writer = writer;
    this.#session = session;
  }

  async serve(startup: Startup): Promise<void> {
    this.#kept = isKept(startup.parameters);
    const admission = await this.#session.connections.admitBeforeKept(() => this.#onCancel());
    if ("full" in admission) {
      throw new ConnectionEnd("53300", `too many connections: ${admission.full}`, admission.hint);
    }
    let upstream: UpstreamSession | undefined;
    let remnant: Remnant | undefined;
    try {
      const signal = AbortSignal.any([
        this.#session.signal,
        AbortSignal.timeout(this.#session.limits.connectMs),
      ]);
      const backend = await this.#session.backend(signal);
      const asked = backend.decideStartup(startup.parameters);
      if ("refused" in asked) {
        throw new ConnectionEnd(asked.refused.sqlstate, asked.refused.message, asked.refused.hint);
      }
      const settings = { ...backend.settings, ...asked.settings };
      const opened = upstream = await backend.upstream.connect(settings, signal);
      await this.#welcome(opened, admission, startup);
      remnant = await this.#converse(backend, opened);
    } finally {
      if (remnant !== undefined && upstream !== undefined) {
        this.#hold(upstream, { admission, remnant });
      } else {
        upstream?.close();
        admission.release();
        this.#released.resolve();
      }
    }
  }

  /** Keeps the connection's permit while its process lives: else one client could take all processes that the server may have. */
  #hold(
    upstream: UpstreamSession,
    { admission, remnant }: { readonly admission: Admission; readonly remnant: Remnant },
  ): void {
    const closing = addAbortListener(this.#session.signal, () => upstream.close());
    admission.overrun();
    void remnant.gone.then(() => {
      closing[Symbol.dispose]();
      upstream.close();
      admission.release();
    });
  }

  async #welcome(upstream: UpstreamSession, admission: Admission, startup: Startup): Promise<void> {
    const parts = [...startup.negotiation, message(BACKEND.authentication, int32(0))];
    for (const [name, value] of upstream.parameters) {
      parts.push(message(BACKEND.parameterStatus, cstring(name), cstring(value)));
    }
    parts.push(message(BACKEND.backendKey, int32(admission.key.processId), admission.key.secret));
    parts.push(message(BACKEND.readyForQuery, Uint8Array.of(0x49)));
    await this.#writer.write(concatBytes(parts));
  }

  async #converse(backend: Backend, upstream: UpstreamSession): Promise<Remnant | undefined> {
    const { sandboxId, audit, connections, signal } = this.#session;
    const limits = this.#kept ? keptLimits(this.#session.limits) : this.#session.limits;
    const state = new PipelineState(sandboxId, audit);
    const canceller = new Canceller(backend.upstream, upstream, state);
    const cancel = () => canceller.cancel();
    const toClient = new BackendRelay({
      session: upstream,
      client: this.#writer,
      state,
      resultBytes: limits.resultBytes,
      cancel,
      exported: (snapshot) => this.#session.connections.addSnapshot(snapshot),
    });
    const toServer = new FrontendRelay({
      sandboxId,
      client: this.#reader,
      server: new ServerWriter(upstream, () => canceller.settled()),
      planner: backend.planner,
      costs: backend.costs,
      state,
      audit,
      auditing: this.#session.auditing ?? ALWAYS_AUDITING,
      snapshots: this.#session.connections.snapshots,
      limits,
    });
    this.#onCancel = () => {
      toServer.cancel();
      return cancel();
    };
    using watchdog = new Watchdog({ limits, state, client: this.#writer, cancel, signal });
    const givenWay = Promise.withResolvers<ConnectionEnd>();
    using _kept = this.#kept
      ? connections.keep({
        idle: () => !state.busy && state.status === "I",
        end: () => {
          givenWay.resolve(new ConnectionEnd("57P05", "the idle connection has given way to another"));
          return within(this.#released.promise, LEAVE_MS);
        },
      })
      : undefined;
    const fromServer = toClient.run();
    const fromClient = toServer.run();
    let end: ConnectionEnd | undefined;
    try {
      const lost = fromServer.then(() => lostUpstream(toClient));
      end = await Promise.race([fromClient.then(() => undefined), lost, watchdog.expired, givenWay.promise]);
    } catch (error) {
      // The channel to a local database fails with an OmcpError, which before a log-in means "cannot be reached", and here "was lost".
      end = error instanceof OmcpError ? lostUpstream(toClient) : asEnd(error);
    }
    // It may still read from the client. It ends with the client's stream, and its later errors do not matter.
    fromClient.catch(function ignore() {});
    const left = endSession({
      session: upstream,
      busy: state.busy,
      reading: fromServer,
      cancel,
      terminate: backend.terminable ? () => backend.upstream.terminate(upstream) : undefined,
      overran: this.#session.overran,
    });
    state.end();
    await within(Promise.allSettled([toClient.abandon()]), LAST_WRITE_MS);
    // Nothing may follow a part of a message, or the server's own FATAL.
    if (!toClient.atBoundary) this.#writer.abort();
    else await finish(this.#writer, toClient.sawFatal ? undefined : end);
    return await left;
  }
}

async function finish(writer: ClientWriter, end: ConnectionEnd | undefined): Promise<void> {
  if (end === undefined) return await writer.finish();
  const { sqlstate, message, hint } = end;
  await writer.finish({ sqlstate, message, ...(hint === undefined ? {} : { hint }) });
}

function lostUpstream(relay: BackendRelay): ConnectionEnd | undefined {
  if (relay.sawFatal) return undefined;
  return new ConnectionEnd("08006", "the connection to the database was lost: connect again");
}

/** What a client learns of an error: enough to act on, without the name or address of the real server. */
function asEnd(error: unknown): ConnectionEnd | undefined {
  if (error instanceof ConnectionEnd) return error;
  if (error instanceof FrontendProtocolError) return new ConnectionEnd("08P01", error.message);
  if (!(error instanceof OmcpError)) {
    return new ConnectionEnd("08006", "the connection to the database was lost: connect again");
  }
  const sqlstate = error.details.sqlstate;
  if (error.code === "database_unsafe_role") {
    return new ConnectionEnd(
      "28000",
      "the database may not be used: the role the server logs in with has rights it must not have",
    );
  }
  if (error.code === "cdm_in_use") return new ConnectionEnd("55006", error.message, error.next);
  if (error.code === "cdm_invalid") return new ConnectionEnd("3F000", error.message);
  if (sqlstate === "53300") {
    return new ConnectionEnd("53300", "the database has no connection free: try again");
  }
  if (sqlstate === "22023") {
    return new ConnectionEnd(
      "22023",
      "a setting of the startup packet has a value that the database does not accept",
    );
  }
  if (sqlstate === "57P03") return new ConnectionEnd("57P03", "the database is starting up: try again");
  if (!error.retryable) {
    return new ConnectionEnd(
      "08004",
      "the database does not accept the server's login: its operator must look at it",
    );
  }
  return new ConnectionEnd("08006", "the database cannot be reached now: try again later");
}
