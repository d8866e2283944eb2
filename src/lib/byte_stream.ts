/**
 * A two-way stream of bytes: a socket, an attach, a stream of the channel.
 *
 * `writable.close()` closes this side's half; `writable.abort()` together with `readable.cancel()` drops the stream. Both directions
 * have backpressure.
 */
export interface ByteStream {
  /** What the other side sends; ends when the other side closes its half, fails when either side drops the stream. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What goes to the other side; a write resolves when there is room for the next. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Opens a new byte stream to one fixed destination, such as a database. */
export type OpenByteStream = (signal: AbortSignal) => Promise<ByteStream>;
