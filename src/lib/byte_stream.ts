/**
 * A two-way stream of bytes: a socket, an attach, a stream of the channel.
 *
 * `writable.close()` closes one's own half; `writable.abort()` together with
 * `readable.cancel()` drops the whole. Both directions have backpressure.
 */
export interface ByteStream {
  /** What the other side sends; ends when it has closed its half, fails when the stream is dropped. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What goes to the other side; a write resolves when there is room for the next. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Opens a new byte stream towards one fixed place, such as a database. */
export type OpenByteStream = (signal: AbortSignal) => Promise<ByteStream>;
