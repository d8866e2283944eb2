/** Divides a stream into lines of bounded length. It drops a line that is too long as the line arrives; the session continues. */
import { concatBytes } from "../../lib/bytes.ts";
import { RequestScan } from "./request_scan.ts";

const LINE_FEED = 0x0a;

/** A line that was dropped. */
export interface DroppedLine {
  readonly bytes: number;
  /** Its scan, for the ids to answer: a client must not wait for a response that never comes. */
  readonly scan: RequestScan;
}

/** Receives the lines. */
export interface LineHandlers {
  /** A line, without its line feed. */
  readonly onLine: (line: Uint8Array) => void;
  /** Called at the end of a line that was too long. */
  readonly onDropped: (line: DroppedLine) => void;
}

/** Divides one stream. */
export class BoundedLines {
  readonly #maximum: number;
  readonly #handlers: LineHandlers;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #scan: RequestScan | undefined;

  /**
   * @param maximum Longest line in bytes, without its line feed.
   * @param handlers See {@link LineHandlers}.
   */
  constructor(maximum: number, handlers: LineHandlers) {
    this.#maximum = maximum;
    this.#handlers = handlers;
  }

  /**
   * Adds bytes.
   *
   * @param chunk The next bytes; they are kept until their line ends.
   */
  push(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      this.#append(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    if (from < chunk.length) this.#append(chunk.subarray(from));
  }

  #append(piece: Uint8Array): void {
    this.#bytes += piece.length;
    this.#parts.push(piece);
    if (this.#bytes <= this.#maximum) return;
    this.#scan ??= new RequestScan();
    for (const part of this.#parts) this.#scan.push(part);
    this.#parts = [];
  }

  #endLine(): void {
    const [parts, bytes, scan] = [this.#parts, this.#bytes, this.#scan];
    this.#parts = [];
    this.#bytes = 0;
    this.#scan = undefined;
    if (scan !== undefined) this.#handlers.onDropped({ bytes, scan });
    else this.#handlers.onLine(concatBytes(parts));
  }
}
