/** Lines on stderr. A client may not read them: the server neither waits for a reader nor ends without one. */
import { within } from "../lib/async/deadline.ts";
import { counted } from "../lib/counted.ts";
import { logLine } from "./json_line.ts";

/** Maximum of bytes in lines that are kept while nobody reads; further lines are dropped and counted. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** The size of a block, in bytes; a longer line has one of its own. */
const BLOCK_BYTES = 64 * 1024;
/** How long the shutdown waits for a reader of the kept lines. */
const CLOSE_MS = 1000;
const ENCODER = new TextEncoder();

/** Lines that are written together. */
interface Block {
  readonly bytes: Uint8Array;
  filled: number;
}

/**
 * Writes lines in order, and drops lines that it cannot write. Lines that wait share blocks: an array, a promise and a write for
 * each line outlived V8's young generation whenever the reader was slower than a client that floods the audit with statements.
 */
export class StderrLines {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #blocks: Block[] = [];
  /** A block that has been written, to be filled again. */
  #spare: Block | undefined;
  /** Bytes that wait, and those of the block that is being written. */
  #pendingBytes = 0;
  #lost = 0;
  #closed = false;
  #writing: Promise<void> | undefined;

  /** @param stream Where lines go; it stays locked. */
  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
  }

  /** @param text A line with its line feed. */
  write(text: string): void {
    if (this.#closed) return;
    const line = ENCODER.encode(text);
    if (this.#pendingBytes + line.length > MAX_PENDING_BYTES) this.#lost += 1;
    else this.#keep(line);
  }

  /** Waits until the kept lines are written, for a second at most; drops lines from then on. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#writing !== undefined) await within(this.#writing, CLOSE_MS);
    this.#closed = true;
  }

  #keep(line: Uint8Array): void {
    let block = this.#blocks.at(-1);
    if (block === undefined || block.bytes.length - block.filled < line.length) {
      block = this.#emptyBlock(line.length);
      this.#blocks.push(block);
    }
    block.bytes.set(line, block.filled);
    block.filled += line.length;
    this.#pendingBytes += line.length;
    this.#writing ??= this.#writeBlocks();
  }

  #emptyBlock(bytes: number): Block {
    const spare = this.#spare;
    if (bytes > BLOCK_BYTES || spare === undefined) {
      return { bytes: new Uint8Array(Math.max(bytes, BLOCK_BYTES)), filled: 0 };
    }
    this.#spare = undefined;
    spare.filled = 0;
    return spare;
  }

  async #writeBlocks(): Promise<void> {
    try {
      for (let block = this.#blocks.shift(); block !== undefined; block = this.#blocks.shift()) {
        await this.#writer.write(block.bytes.subarray(0, block.filled));
        this.#pendingBytes -= block.filled;
        if (block.bytes.length === BLOCK_BYTES) this.#spare = block;
        if (this.#lost > 0) this.#keep(this.#lostLine());
      }
    } catch {
      // The reader has closed stderr.
      this.#closed = true;
      this.#blocks = [];
    } finally {
      this.#writing = undefined;
    }
  }

  #lostLine(): Uint8Array {
    const lost = this.#lost;
    this.#lost = 0;
    const message = `Lost ${counted(lost, "line")}: nobody read stderr`;
    return ENCODER.encode(logLine("WARN", "omcp.log", message, { lost }));
  }
}
