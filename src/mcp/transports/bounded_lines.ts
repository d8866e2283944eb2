/** Lines of a stream, whole and bounded: one that is too long is dropped while it comes, instead of ending the session. */
import { concatBytes } from "../../lib/bytes.ts";
import { RequestScan } from "./request_scan.ts";

const LINE_FEED = 0x0a;

/** A line that was dropped. */
export interface DroppedLine {
  readonly bytes: number;
  /** All of it, scanned, so that whoever sent it need not wait in vain. */
  readonly scan: RequestScan;
}

/** Takes what is found. */
export interface LineHandlers {
  /** A line, its line feed not in it. */
  readonly onLine: (line: Uint8Array) => void;
  /** One that was too long, at its end. */
  readonly onDropped: (line: DroppedLine) => void;
}

/** Divides what comes into lines of up to so many bytes. */
export class BoundedLines {
  readonly #maximum: number;
  readonly #handlers: LineHandlers;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #scan: RequestScan | undefined;

  /**
   * @param maximum Bytes of the longest line, its line feed not counted.
   * @param handlers See {@link LineHandlers}.
   */
  constructor(maximum: number, handlers: LineHandlers) {
    this.#maximum = maximum;
    this.#handlers = handlers;
  }

  /**
   * Takes what has come.
   *
   * @param chunk Bytes; kept until their line is whole.
   */
  push(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      this.#take(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    if (from < chunk.length) this.#take(chunk.subarray(from));
  }

  #take(piece: Uint8Array): void {
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
