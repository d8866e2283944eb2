/** Lines of a stream, whole and bounded: one that is too long is dropped while it comes, instead of ending the session. */
import { Buffer } from "node:buffer";
import { Transform, type TransformCallback } from "node:stream";

/** Bytes kept of the beginning and of the end of a dropped line, to find its request's id. */
const EDGE_BYTES = 512;
const LINE_FEED = 0x0a;

/** A line that was dropped. */
export interface DroppedLine {
  readonly bytes: number;
  /** The request's id where it could be found, so that its client need not wait in vain. */
  readonly id: number | string | null;
}

/** Passes on lines of up to so many bytes, each as one chunk. */
export class BoundedLines extends Transform {
  readonly #maximum: number;
  readonly #onDropped: (line: DroppedLine) => void;
  #parts: Buffer[] = [];
  #bytes = 0;
  #head: Buffer = Buffer.alloc(0);
  #tail: Buffer = Buffer.alloc(0);

  /**
   * @param maximum Bytes of the longest line, its line feed not counted.
   * @param onDropped Told of each longer one, at its end.
   */
  constructor(maximum: number, onDropped: (line: DroppedLine) => void) {
    super();
    this.#maximum = maximum;
    this.#onDropped = onDropped;
  }

  /** Takes what has come. */
  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      this.#take(chunk.subarray(from, end + 1));
      this.#endLine();
      from = end + 1;
    }
    if (from < chunk.length) this.#take(chunk.subarray(from));
    done();
  }

  #take(piece: Buffer): void {
    if (!this.#tooLong && this.#bytes + piece.length > this.#maximum + 1) {
      this.#head = Buffer.concat([...this.#parts, piece]).subarray(0, EDGE_BYTES);
      this.#parts = [];
    }
    this.#bytes += piece.length;
    if (this.#tooLong) {
      this.#tail = Buffer.from(
        Buffer.concat([this.#tail, piece.subarray(-EDGE_BYTES)]).subarray(-EDGE_BYTES),
      );
    } else {
      this.#parts.push(piece);
    }
  }

  get #tooLong(): boolean {
    return this.#bytes > this.#maximum + 1;
  }

  #endLine(): void {
    if (this.#tooLong) {
      this.#onDropped({ bytes: this.#bytes - 1, id: idIn(this.#head) ?? idIn(this.#tail) ?? null });
      this.#tail = Buffer.alloc(0);
    } else {
      this.push(this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts));
    }
    this.#parts = [];
    this.#bytes = 0;
  }
}

/** The first `"id"` that stands outside any JSON string: inside one its quotes would be escaped. */
function idIn(edge: Buffer): number | string | undefined {
  const found = /(?<!\\)"id":\s*(?:(\d{1,15})|"([^"\\]{1,200})")/.exec(edge.toString("utf8"));
  if (found === null) return undefined;
  return found[1] === undefined ? found[2] : Number(found[1]);
}
