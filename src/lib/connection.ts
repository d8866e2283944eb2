/**
 * Writes all bytes, in as many writes as necessary.
 *
 * @param writer Where to, such as a connection.
 * @param bytes What to write.
 */
export async function writeAll(
  writer: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let offset = 0; offset < bytes.length;) offset += await writer.write(bytes.subarray(offset));
}

/**
 * Closes a connection that may be closed already, or consumed by a TLS handshake.
 *
 * @param conn The connection.
 */
export function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed before.
  }
}
