import { FairQueue } from "./fair_queue.ts";
import type { SqlScope } from "../../lib/sql_outline.ts";
import type { StatementPlan } from "./statement_plan.ts";
import type { GuardPolicy, QueryProtocol } from "./types.ts";
import { workerModule } from "./worker_module.ts";
import { ReplySchema, type WorkerReply, type WorkerRequest } from "./worker_messages.ts";

/**
 * The heap from which an idle worker is replaced, because V8 does not give it back: twice that of a new worker. Not less: until the old worker has
 * ended, its successor takes another 30 MiB.
 */
const LARGE_HEAP_BYTES = 24 * 1024 * 1024;
/** Milliseconds without a text after which a large worker is replaced. */
const REST_MS = 1_000;
/** Milliseconds between two checks whether another owner waits for a late text. */
const LOOK_MS = 20;

/** What a {@link Lane} works with. */
export interface LaneOptions {
  readonly policy: GuardPolicy;
  /** The longest a text may take to be planned, in milliseconds. */
  readonly deadlineMs: number;
  /**
   * The longest it may take while another owner waits. A late text costs its worker, whose memory stays in use beside the new worker's until its
   * thread has ended. Without this deadline, a single owner could use the memory of several workers on a loaded machine.
   */
  readonly contendedDeadlineMs: number;
  /** The longest the parser may take to load, in milliseconds. */
  readonly startDeadlineMs: number;
}

/** One worker that plans texts, one after the other, in turn for each owner. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #queue = new FairQueue();
  #worker: Worker | undefined;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param options Policy and deadlines. */
  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /**
   * Plans a text.
   *
   * @param sql The text.
   * @param protocol How it came.
   * @param owner Whose it is.
   * @returns The plans; undefined if the worker was late, failed or is closed.
   */
  plan(sql: string, protocol: QueryProtocol, owner: string): Promise<readonly StatementPlan[] | undefined> {
    return this.#queue.run(owner, async () => {
      const reply = await this.#ask({ type: "plan", sql, protocol });
      return reply?.type === "planned" ? reply.plans : undefined;
    });
  }

  /**
   * Outlines a text.
   *
   * @param sql The text.
   * @param owner Whose it is.
   * @returns The outline, null if there is none; undefined if the worker was late, failed or is closed.
   */
  outline(sql: string, owner: string): Promise<readonly SqlScope[] | null | undefined> {
    return this.#queue.run(owner, async () => {
      const reply = await this.#ask({ type: "outline", sql });
      return reply?.type === "outlined" ? reply.outline : undefined;
    });
  }

  /** Loads the worker. @throws {Error} Where it does not start. */
  async start(): Promise<void> {
    await this.#ready();
  }

  /** Ends the worker, and what it is planning. */
  close(): void {
    this.#closed = true;
    this.#discardWorker();
  }

  async #ask(request: WorkerRequest): Promise<WorkerReply | undefined> {
    // A renewal that waited in the queue beside this text would make it late.
    clearTimeout(this.#rest);
    try {
      const worker = await this.#ready();
      const { deadlineMs, contendedDeadlineMs } = this.#options;
      const deadline = { ms: deadlineMs, contendedMs: contendedDeadlineMs, queue: this.#queue };
      const reply = await ask(worker, request, deadline);
      if (reply?.type === "planned" || reply?.type === "outlined") {
        this.#watchHeap(reply.heapBytes);
        return reply;
      }
    } catch {
      // the caller refuses the text, as after any failure
    }
    // late, or its parser threw: its state is unknown, so nothing is asked of this worker again
    this.#discardWorker();
    return undefined;
  }

  async #ready(): Promise<Worker> {
    if (this.#closed) throw new Error("The guard is closed");
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(workerModule(), {
      type: "module",
      name: "postgres-guard",
    });
    this.#worker = worker;
    const { policy, startDeadlineMs } = this.#options;
    const reply = await ask(worker, { type: "start", policy }, { ms: startDeadlineMs });
    if (reply?.type === "ready") return worker;
    this.#discardWorker();
    throw new Error(
      reply === undefined ? "The guard's worker did not start in time" : "The guard's worker did not start",
    );
  }

  /** Has the worker replaced after a while without a text, if it is large. */
  #watchHeap(heapBytes: number): void {
    if (this.#closed || heapBytes < LARGE_HEAP_BYTES) return;
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
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

/** When an answer is late. */
interface Deadline {
  readonly ms: number;
  /** An earlier deadline, while another owner waits in the queue. */
  readonly contendedMs?: number;
  readonly queue?: FairQueue;
}

/** Calls back when the deadline has passed, until the returned function is called. */
function watch({ ms, contendedMs = ms, queue }: Deadline, late: () => void): () => void {
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout>;
  const look = (): void => {
    const leftMs = ms - (performance.now() - start);
    if (leftMs <= 0 || queue?.contended === true) late();
    else timer = setTimeout(look, queue === undefined ? leftMs : Math.min(LOOK_MS, leftMs));
  };
  timer = setTimeout(look, Math.min(ms, contendedMs));
  return () => clearTimeout(timer);
}

/** Sends one request and waits for its answer; undefined when it is late. Only one request is under way at a time. */
async function ask(
  worker: Worker,
  request: WorkerRequest,
  deadline: Deadline,
): Promise<WorkerReply | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const unwatch = watch(deadline, () => resolve(undefined));
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
    unwatch();
  }
}
