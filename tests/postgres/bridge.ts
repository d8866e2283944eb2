import {
  type AuditEntry,
  type Backend,
  type BrokerLimits,
  ConnectionCount,
  CostBudget,
  DEFAULT_LIMITS,
  type Overrun,
  SandboxConnections,
  serveClient,
  sessionSettings,
  type StatementPlanner,
  timeLimits,
} from "../../src/postgres/broker/mod.ts";
import { decideStartup as decideStartupSettings } from "../../src/postgres/guard/mod.ts";
import { urlUpstream } from "../../src/postgres/upstream/mod.ts";

/** What a {@link Bridge} serves. */
export interface BridgeOptions {
  /** URL of the real server. */
  readonly url: string;
  readonly planner: StatementPlanner;
  readonly limits?: Partial<BrokerLimits>;
  readonly cdmSchema?: string;
}

/** Listens on a loopback port and serves each connection as one of a sandbox: what the relay in a container does. */
export class Bridge implements AsyncDisposable {
  readonly audit: AuditEntry[] = [];
  /** What became of statements that ignored their cancel. */
  readonly overruns: Overrun[] = [];
  readonly count: ConnectionCount;
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #costs: CostBudget | undefined;
  readonly #end = new AbortController();
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  /** @param options The server and what may pass. */
  constructor(options: BridgeOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.count = new ConnectionCount(limits);
    const connections = new SandboxConnections(limits, this.count);
    const upstream = urlUpstream(options.url);
    const policy = {
      cdmSchema: options.cdmSchema ?? "cdm",
      relations: new Set<string>(),
      timeLimits: timeLimits(limits),
    };
    const decideStartup: Backend["decideStartup"] = (parameters) => decideStartupSettings(parameters, policy);
    const settings = sessionSettings(options.cdmSchema ?? "cdm", limits);
    const { maxCost } = limits;
    this.#costs = maxCost === 0 ? undefined : new CostBudget({ upstream, settings, maxCost });
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept(async (conn) => {
      await serveClient(conn, {
        sandboxId: "sandbox-1",
        connections,
        limits,
        backend: () =>
          Promise.resolve({
            upstream,
            planner: options.planner,
            settings,
            decideStartup,
            costs: this.#costs,
            terminable: true,
          }),
        audit: (entry) => this.audit.push(entry),
        overran: (outcome) => this.overruns.push(outcome),
        signal: this.#end.signal,
      });
    });
  }

  /** Connections that are being served. */
  get serving(): number {
    return this.#serving.size;
  }

  /** Ends all connections and waits for them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#end.abort();
    await Promise.all(this.#serving);
    this.#costs?.close();
    await this.#accepting;
  }

  async #accept(serve: (conn: Deno.TcpConn) => Promise<void>): Promise<void> {
    try {
      for await (const conn of this.#listener) {
        conn.setNoDelay(true);
        const served = serve(conn).finally(() => this.#serving.delete(served));
        this.#serving.add(served);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}
