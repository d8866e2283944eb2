import { OmcpError } from "../../errors.ts";
import { refuseUnfit } from "./fitness.ts";
import { SQLSTATE } from "./refusal.ts";
import type { GuardPolicy, QueryProtocol, StatementPlan } from "./types.ts";
import { ReplySchema, type WorkerReply, type WorkerRequest } from "./worker_messages.ts";

/** After a text of more characters a new worker takes over: WebAssembly never gives memory back. */
const LARGE_TEXT = 64 * 1024;

/** How a guard works. */
export interface GuardOptions {
  /** The longest a text may take to be planned, in milliseconds. @default 2000 */
  readonly deadlineMs?: number;
  /** The longest the parser may take to load, in milliseconds. @default 10000 */
  readonly startDeadlineMs?: number;
}

/** Decides what SQL may pass to the database, with PostgreSQL's own grammar, in a worker of its own. */
export class Guard {
  readonly #policy: GuardPolicy;
  readonly #deadlineMs: number;
  readonly #startDeadlineMs: number;
  #worker: Worker | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(policy: GuardPolicy, options: GuardOptions) {
    this.#policy = policy;
    this.#deadlineMs = options.deadlineMs ?? 2_000;
    this.#startDeadlineMs = options.startDeadlineMs ?? 10_000;
  }

  /**
   * Starts a guard and loads its grammar.
   *
   * @param policy What may be reached.
   * @param options Deadlines.
   * @returns The guard, ready.
   * @throws {OmcpError} `internal`, where the parser cannot be loaded.
   */
  static async start(policy: GuardPolicy, options: GuardOptions = {}): Promise<Guard> {
    const guard = new Guard(policy, options);
    try {
      await guard.#ready();
    } catch (cause) {
      await guard.close();
      throw new OmcpError("internal", "Cannot load PostgreSQL's grammar", {
        next: "Allow the server to read its folder src/postgres/guard: --allow-read=…/src/postgres/guard.",
        cause,
      });
    }
    return guard;
  }

  /**
   * Decides about all statements of one text. Texts are planned one after the other.
   *
   * @param sql The text of a Query (`simple`) or a Parse (`extended`).
   * @param protocol Which of both.
   * @returns A plan a statement, in order; none for an empty text. It never rejects: what fails is refused.
   */
  plan(sql: string, protocol: QueryProtocol): Promise<readonly StatementPlan[]> {
    const unfit = refuseUnfit(sql);
    if (unfit !== undefined) return Promise.resolve([unfit]);
    const planned = this.#turn.then(() => this.#plan(sql, protocol));
    this.#turn = planned;
    return planned;
  }

  /** Ends the worker; later texts are refused. */
  close(): Promise<void> {
    this.#closed = true;
    this.#discardWorker();
    return Promise.resolve();
  }

  async #plan(sql: string, protocol: QueryProtocol): Promise<readonly StatementPlan[]> {
    try {
      const worker = await this.#ready();
      const reply = await ask(worker, { type: "plan", sql, protocol }, this.#deadlineMs);
      if (reply?.type === "planned") {
        if (sql.length > LARGE_TEXT) this.#discardWorker();
        return reply.plans;
      }
    } catch {
      // refused below, like all that fails
    }
    // late, or its parser threw: its state is unknown, so nothing is asked of this worker again
    this.#discardWorker();
    const message = this.#closed
      ? "the SQL could not be checked: the server is ending"
      : "the SQL could not be checked: it is too complex";
    return [{
      kind: "refuse",
      sqlstate: SQLSTATE.tooComplex,
      message,
      hint: "Send smaller statements",
      normalized: null,
    }];
  }

  async #ready(): Promise<Worker> {
    if (this.#closed) throw new Error("The guard is closed");
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
      name: "postgres-guard",
    });
    this.#worker = worker;
    const reply = await ask(worker, { type: "start", policy: this.#policy }, this.#startDeadlineMs);
    if (reply?.type === "ready") return worker;
    this.#discardWorker();
    throw new Error(
      reply === undefined ? "The guard's worker did not start in time" : "The guard's worker did not start",
    );
  }

  #discardWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

/** Sends one request and waits for its answer; undefined when it is late. Only one request is under way at a time. */
async function ask(
  worker: Worker,
  request: WorkerRequest,
  deadlineMs: number,
): Promise<WorkerReply | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const timer = setTimeout(() => resolve(undefined), deadlineMs);
  worker.onmessage = (event: MessageEvent<unknown>) => resolve(event.data);
  worker.onerror = (event) => {
    event.preventDefault(); // otherwise the error would end the whole program
    reject(new Error("The guard's worker failed"));
  };
  worker.postMessage(request);
  try {
    const answer = await promise;
    return answer === undefined ? undefined : ReplySchema.parse(answer);
  } finally {
    clearTimeout(timer);
  }
}
