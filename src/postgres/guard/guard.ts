import { OmcpError } from "../../errors.ts";
import { FairQueue } from "./fair_queue.ts";
import { PARAMETER_TYPES } from "./parameter_types.ts";
import { SQLSTATE } from "./refusal.ts";
import type { GuardPolicy, QueryProtocol, StatementPlan } from "./types.ts";
import { ReplySchema, type WorkerReply, type WorkerRequest } from "./worker_messages.ts";

/** After so many characters a worker is replaced as soon as nobody needs it: neither WebAssembly nor V8 gives memory back. */
const WORN_CHARACTERS = 64 * 1024;
/** Milliseconds without a text after which nobody seems to need the worker. */
const REST_MS = 1_000;

/** How a guard works. */
export interface GuardOptions {
  /** The longest a text may take to be planned, in milliseconds. @default 2000 */
  readonly deadlineMs?: number;
  /** The longest the parser may take to load, in milliseconds. @default 10000 */
  readonly startDeadlineMs?: number;
}

/** Decides what SQL may pass to the database, with PostgreSQL's own grammar, in a worker of its own. */
export class Guard {
  /** OIDs of the types that a parameter may be declared with: PostgreSQL's own. */
  readonly parameterTypes: ReadonlySet<number> = PARAMETER_TYPES;
  readonly #policy: GuardPolicy;
  readonly #deadlineMs: number;
  readonly #startDeadlineMs: number;
  #worker: Worker | undefined;
  readonly #queue = new FairQueue();
  /** Characters that the worker has planned. */
  #worn = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
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
   * Decides about all statements of one text. Texts are planned one after the other, in turn for each owner.
   *
   * @param sql The text of a Query (`simple`) or a Parse (`extended`).
   * @param protocol Which of both.
   * @param owner Whose text it is, such as a sandbox's id. @default "" (all texts are one owner's)
   * @returns A plan a statement, in order; none for an empty text. It never rejects: what fails is refused.
   */
  plan(sql: string, protocol: QueryProtocol, owner = ""): Promise<readonly StatementPlan[]> {
    return this.#queue.run(owner, () => this.#plan(sql, protocol));
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
        this.#wear(sql.length);
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

  #wear(characters: number): void {
    clearTimeout(this.#rest);
    this.#worn += characters;
    if (this.#worn < WORN_CHARACTERS || this.#closed) return;
    this.#rest = setTimeout(() => void this.#queue.run("", () => this.#renew()), REST_MS);
    Deno.unrefTimer(this.#rest);
  }

  async #renew(): Promise<void> {
    this.#discardWorker();
    try {
      await this.#ready();
    } catch {
      // the next text tries again
    }
  }

  #discardWorker(): void {
    clearTimeout(this.#rest);
    this.#worn = 0;
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
