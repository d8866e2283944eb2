import { abortable } from "../lib/async/abortable.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { OmcpError } from "../errors.ts";
import type { SqlScope } from "../lib/sql_outline.ts";
import { logger } from "../observability/log.ts";
import {
  type Audit,
  type Auditing,
  type Backend,
  type BrokerLimits,
  ConnectionCount,
  CostBudget,
  DEFAULT_LIMITS,
  makingRoom,
  type Overrun,
  SandboxConnections,
  serveClient,
  sessionSettings,
  timeLimits,
} from "./broker/mod.ts";
import { type CdmCatalog, readCatalog } from "./catalog/mod.ts";
import { decideStartup, Guard, type GuardPolicy } from "./guard/mod.ts";
import { OwnReader } from "./own_reader.ts";
import { isDirect, requireSettings } from "./session_checks.ts";
import { auditRole, requireSafeRole, type RoleReport } from "./roles/mod.ts";
import type { Upstream } from "./upstream/mod.ts";

const log = logger("postgres");

/** What a {@link Database} is opened with. */
export interface DatabaseOptions {
  /** Where sessions come from. */
  readonly upstream: Upstream;
  /** The CDM's schema, as PostgreSQL stores its name. */
  readonly cdmSchema: string;
  /** Lower-case names of all relations that a CDM of any version may have. */
  readonly cdmRelations: ReadonlySet<string>;
  /** What is to differ from the broker's own limits. @default {DEFAULT_LIMITS} */
  readonly limits?: Partial<BrokerLimits>;
  /** Called for every statement, refused or not. */
  readonly audit: Audit;
  /** Whether entries can be written, and what they hold. @default {ALWAYS_AUDITING} */
  readonly auditing?: Auditing;
  /** The role that may be used though it has rights it should not have. @default {undefined} */
  readonly allowUnsafeRole?: string;
  /** The site's own functions that sandboxes may call, as `schema.name`. @default {[]} */
  readonly extraFunctions?: readonly string[];
  /** Called with the report on the role after each check of the database. */
  readonly onRoleReport?: (report: RoleReport) => void;
}

/** Milliseconds for the check of the database. */
const PREPARE_MS = 30_000;
/** Milliseconds after a failure before the database is checked again. */
const RETRY_MS = 1_000;

/** A database that is reachable, safe, and a CDM. */
interface Prepared extends Backend {
  readonly planner: Guard;
  readonly cdm: CdmCatalog;
  readonly role: RoleReport;
}

/**
 * A database that sandboxes may query. Before the first statement passes, the server checks the role, its rights, and which of the
 * CDM's relations exist. While the database is unreachable, connections get a Postgres error that says so; the next connection
 * after its return is served.
 */
export class Database {
  readonly #options: DatabaseOptions;
  readonly #limits: BrokerLimits;
  readonly #count: ConnectionCount;
  readonly #upstream: Upstream;
  readonly #costs: CostBudget | undefined;
  readonly #reader: OwnReader;
  readonly #overruns: Record<Overrun, number> = { terminated: 0, still_running: 0 };
  readonly #end = new AbortController();
  readonly #serving = new Set<Promise<void>>();
  #prepared: Promise<Prepared> | undefined;
  #known: Prepared | undefined;

  /**
   * Makes a database. Nothing is connected to before {@link ready} or a client.
   *
   * @param options The upstream and what may be done with it.
   */
  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#count = new ConnectionCount(this.#limits);
    const { cdmSchema, audit, auditing } = options;
    const upstream = this.#upstream = makingRoom(options.upstream, this.#count);
    const { maxCost } = this.#limits;
    const settings = sessionSettings(cdmSchema, this.#limits);
    this.#reader = new OwnReader({
      upstream,
      settings,
      audit,
      ...(auditing === undefined ? {} : { auditing }),
    });
    this.#costs = maxCost === 0 ? undefined : new CostBudget({ upstream, settings, maxCost });
  }

  /**
   * Makes a database and checks it.
   *
   * @param options The upstream and what may be done with it.
   * @param signal Ends the attempt.
   * @returns The database, known to be there and safe.
   * @throws {OmcpError} What {@link ready} throws.
   */
  static async open(options: DatabaseOptions, signal?: AbortSignal): Promise<Database> {
    const database = new Database(options);
    try {
      await database.ready(signal);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** The CDM, after the first check; undefined before. */
  get cdm(): CdmCatalog | undefined {
    return this.#known?.cdm;
  }

  /** Statements that did not end when they were cancelled, and what happened to them. */
  get overruns(): Readonly<Record<Overrun, number>> {
    return this.#overruns;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#count.open;
  }

  /**
   * Checks the database, unless it has been checked.
   *
   * @param signal Ends the wait.
   * @returns The CDM.
   * @throws {OmcpError} `database_unsafe_role`, `cdm_invalid`, `database_unavailable`, `shutting_down`.
   */
  async ready(signal?: AbortSignal): Promise<CdmCatalog> {
    return (await this.#backend(signal ?? this.#end.signal)).cdm;
  }

  /**
   * Gives what runs the server's own read-only statements, after the check of the database.
   *
   * @param signal Ends the wait.
   * @throws {OmcpError} What {@link ready} throws.
   */
  async reader(signal: AbortSignal): Promise<OwnReader> {
    await this.#backend(signal);
    return this.#reader;
  }

  /**
   * Outlines a statement, for warnings on it.
   *
   * @param sql The text.
   * @param owner Whose text it is: texts of owners take turns.
   * @param signal Ends the wait.
   * @returns The outline; undefined if the text has none.
   * @throws {OmcpError} What {@link ready} throws.
   */
  async outline(sql: string, owner: string, signal: AbortSignal): Promise<readonly SqlScope[] | undefined> {
    const { planner } = await this.#backend(signal);
    return await abortable(planner.outline(sql, owner), signal);
  }

  /**
   * The connections of one sandbox.
   *
   * @param sandboxId For the audit; cancel keys and limits are the sandbox's own.
   * @param least Limits of the sandbox, if they are lower than the database's.
   * @returns Serves a connection; returns at once.
   */
  serve(
    sandboxId: string,
    { resultBytes }: { readonly resultBytes: number } = this.#limits,
  ): (stream: ByteStream) => void {
    const limits = { ...this.#limits, resultBytes: Math.min(resultBytes, this.#limits.resultBytes) };
    const connections = new SandboxConnections(limits, this.#count);
    return (stream) => {
      const served = serveClient(stream, {
        sandboxId,
        connections,
        limits,
        backend: (signal) => this.#backend(signal),
        audit: this.#options.audit,
        ...(this.#options.auditing === undefined ? {} : { auditing: this.#options.auditing }),
        overran: (outcome) => this.#overran(sandboxId, outcome),
        signal: this.#end.signal,
      }).finally(() => this.#serving.delete(served));
      this.#serving.add(served);
    };
  }

  /** Ends all connections and stops the guard. */
  async close(): Promise<void> {
    this.#end.abort(new OmcpError("shutting_down", "The server is shutting down"));
    await Promise.allSettled(this.#serving);
    const prepared = await this.#prepared?.catch(() => undefined);
    await prepared?.planner.close();
    this.#costs?.close();
    this.#reader.close();
  }

  #overran(sandboxId: string, outcome: Overrun): void {
    this.#overruns[outcome] += 1;
    const what = outcome === "terminated"
      ? "its session was ended"
      : "it still runs at the database, and is one of the sandbox's connections until it ends";
    log.warning("A statement of {sandboxId} did not end when it was cancelled: {what} ({count} so far)", {
      sandboxId,
      what,
      count: this.#overruns[outcome],
    });
  }

  async #backend(signal: AbortSignal): Promise<Prepared> {
    signal.throwIfAborted();
    this.#end.signal.throwIfAborted();
    const preparing = this.#prepared ??= this.#prepare();
    try {
      return await abortable(preparing, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new OmcpError("database_unavailable", "Database did not answer in time", { cause: error });
    }
  }

  async #prepare(): Promise<Prepared> {
    try {
      const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(PREPARE_MS)]);
      return this.#known = await this.#look(signal);
    } catch (error) {
      // A failed check is repeated, but not by a hundred clients at once.
      const timer = setTimeout(() => this.#prepared = undefined, RETRY_MS);
      Deno.unrefTimer(timer);
      throw error;
    }
  }

  async #look(signal: AbortSignal): Promise<Prepared> {
    const { cdmSchema, cdmRelations, allowUnsafeRole, extraFunctions, onRoleReport } = this.#options;
    const upstream = this.#upstream;
    const settings = sessionSettings(cdmSchema, this.#limits);
    const session = await upstream.connect(settings, signal);
    try {
      requireSettings(session.parameters);
      const role = await auditRole(session, cdmSchema, signal);
      onRoleReport?.(role);
      requireSafeRole(role, { cdmSchema, ...(allowUnsafeRole === undefined ? {} : { allowUnsafeRole }) });
      const cdm = await readCatalog(session, { cdmSchema, cdmRelations }, signal);
      const policy: GuardPolicy = {
        cdmSchema,
        relations: cdm.relations,
        columns: cdm.columns,
        rowFunctions: cdm.rowFunctions,
        veiled: cdm.veiled,
        ...(extraFunctions === undefined ? {} : { extraFunctions }),
        snapshots: true,
        timeLimits: timeLimits(this.#limits),
      };
      const terminable = await isDirect(session, signal);
      // This must be the last step: if a later one failed, nothing would close the guard.
      const planner = await Guard.start(policy);
      return {
        upstream,
        planner,
        settings,
        costs: this.#costs,
        terminable,
        decideStartup: (parameters) => decideStartup(parameters, policy),
        cdm,
        role,
      };
    } finally {
      session.close();
    }
  }
}
