/** Standard output whose writes do not block the program. */
import { Writable } from "node:stream";

/**
 * Opens standard output. `process.stdout` writes to a pipe synchronously: a client that does not read would stop the whole program, and
 * with it the messages that keep sandboxes alive.
 */
export function standardOutput(): Writable {
  return new Writable({
    decodeStrings: true,
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(chunk).then(
        () => done(),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}
