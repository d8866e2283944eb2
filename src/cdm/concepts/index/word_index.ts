/** The search's index, in a worker of its own: neither filling it nor a search in it holds the server up. */
import * as z from "zod";
import { OmcpError } from "../../../errors.ts";
import { Deadline } from "../../../lib/async/deadline.ts";
import { MARK, variantsOf } from "../../../omop/concepts/mod.ts";
// As a text, because a worker's module would need a permission to be read.
import program from "./worker.js" with { type: "text" };

/** Shorter words have too many neighbours. */
const SHORTEST_MISSPELT = 4;
/** Longer words are not looked for: the time for their variants grows with the square of their length. */
const LONGEST_MISSPELT = 100;
/** Concepts that are sent at once, and the most of such parcels that the worker has not added yet. */
const PARCEL = 500;
const MOST_PARCELS = 2;
/** How long one call may take, in ms. The worker does one after the other: waiting for those before does not count. */
const CALL_MS = 60_000;

const replySchema = z.object({ id: z.number(), value: z.unknown().optional(), error: z.string().optional() });
const idList = z.array(z.number());
const wordList = z.array(z.string());

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: Error) => void;
}

/** An index; filled once, then only read. A part of it may be searched while it is filled. */
export class WordIndex {
  readonly #worker: Worker;
  readonly #calls = new Map<number, Call>();
  readonly #parcels = new Set<Promise<unknown>>();
  readonly #begin: (onExpired: () => void) => Disposable;
  #sent = 0;
  #size = 0;
  #ids: number[] = [];
  #texts: string[] = [];
  #end: OmcpError | undefined;
  /** That of the oldest call, which is the one that the worker does. */
  #deadline: Disposable | undefined;

  /**
   * Starts the worker with an empty index.
   *
   * @param begin Begins the deadline of a call; disposal cancels it. @default one of 60 s
   */
  constructor(
    begin: (onExpired: () => void) => Disposable = (onExpired) => new Deadline(CALL_MS, onExpired),
  ) {
    this.#begin = begin;
    const url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    this.#worker = new Worker(url, { type: "module", name: "concept-index" });
    this.#worker.onmessage = ({ data }: MessageEvent<unknown>) => this.#answered(data);
    this.#worker.onerror = (event) => {
      event.preventDefault(); // otherwise the error would end the whole program
      this.#fail(`the worker failed: ${event.message}`);
    };
    this.#call("start", [MARK]).catch(() => {}).finally(() => URL.revokeObjectURL(url));
  }

  /** Concepts that have been added. */
  get size(): number {
    return this.#size;
  }

  /** Whether its worker has failed, is late, or has been closed: every call throws then. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Adds a concept, the most important one first.
   *
   * @param id Its id.
   * @param text What {@link indexedText} makes of it.
   * @returns A promise where the worker has enough to do: the next concept is to wait for it.
   */
  add(id: number, text: string): Promise<void> | undefined {
    this.#ids.push(id);
    this.#texts.push(text);
    this.#size += 1;
    return this.#ids.length < PARCEL ? undefined : this.flush();
  }

  /** Sends what has been added, so that a search finds it. */
  async flush(): Promise<void> {
    if (this.#ids.length > 0) {
      const parcel = this.#call("add", [this.#ids, this.#texts]);
      [this.#ids, this.#texts] = [[], []];
      this.#parcels.add(parcel);
      // Its failure reaches whoever waits below, or the next call.
      parcel.catch(() => {}).finally(() => this.#parcels.delete(parcel));
    }
    while (this.#parcels.size >= MOST_PARCELS) await Promise.race(this.#parcels);
  }

  /** Ends the filling, in steps: searches get their turn between two of them. */
  async finish(): Promise<void> {
    await this.flush();
    let done = false;
    while (!done) done = z.boolean().parse(await this.#call("finish", []));
  }

  /**
   * Finds concepts that have all of some entries.
   *
   * @param all Each is a list of entries of which one must be there.
   * @param options The beginning of a word that a concept must also have, replaced by the most frequent words that begin so; the maximum of ids.
   * @returns Ids, the most important first.
   */
  async find(
    all: readonly (readonly string[])[],
    { prefix = "", limit }: { readonly prefix?: string; readonly limit: number },
  ): Promise<readonly number[]> {
    return idList.parse(await this.#call("find", [all, prefix, limit]));
  }

  /**
   * Words that no concept has, and what may stand for each.
   *
   * @param words Words; the last one may also be the beginning of a word.
   * @returns By word: words at distance 1; if there are none, words at distance 2 with the same beginning. The most frequent first, at most six.
   */
  async misspelt(words: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const unknown = wordList.parse(await this.#call("unknown", [words]));
    const found = new Map<string, readonly string[]>();
    for (const word of new Set(unknown)) {
      const usual = word.length >= SHORTEST_MISSPELT && word.length <= LONGEST_MISSPELT;
      found.set(word, usual ? wordList.parse(await this.#call("similar", [word, variantsOf(word)])) : []);
    }
    return found;
  }

  /** Ends the worker, which frees its memory. Idempotent. */
  close(): void {
    this.#fail("it was closed");
  }

  #call(call: string, parameters: readonly unknown[]): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = this.#sent += 1;
    this.#calls.set(id, { resolve, reject });
    this.#worker.postMessage({ id, call, parameters });
    if (this.#calls.size === 1) this.#watch();
    return promise;
  }

  /** Begins the deadline of the oldest call. */
  #watch(): void {
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = this.#calls.size === 0
      ? undefined
      : this.#begin(() => this.#fail(`one call took more than ${CALL_MS / 1000} s`));
  }

  #answered(data: unknown): void {
    const reply = replySchema.safeParse(data);
    if (!reply.success) return this.#fail("the worker's answer is invalid");
    const { id, value, error } = reply.data;
    // Its state is unknown after an error, such as one of lacking memory.
    if (error !== undefined) return this.#fail(error);
    this.#calls.get(id)?.resolve(value);
    this.#calls.delete(id);
    this.#watch();
  }

  #fail(why: string): void {
    if (this.#end !== undefined) return;
    this.#end = new OmcpError("internal", `The index of the concepts ended: ${why}`, {
      state: "The database is unchanged.",
      next: "Search again: the server builds the index again, and reads names from the database meanwhile.",
    });
    this.#worker.terminate();
    for (const { reject } of this.#calls.values()) reject(this.#end);
    this.#calls.clear();
    this.#watch();
  }
}
