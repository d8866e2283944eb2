/** The server's side of an installer in a sandbox (`guest/installer/`): learns what is installed, sends what to unpack, reads the result. */
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { within } from "../../lib/async/deadline.ts";
import { ByteReader } from "../../lib/byte_reader.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import { parsedJson } from "../../lib/parsed_json.ts";
import { showable } from "../../lib/text.ts";

/** Longest answer of an installer, in bytes. The answer is untrusted: the sandbox's code can disturb an installer and forge its answers. */
const MAX_ANSWER = 1024 * 1024;

/**
 * How long an installer may take for a part of the archive, and for its answer, ms. Bounded because the sandbox's code can stop an installer,
 * and a stopped one would keep one of the few resolvers of the server busy.
 */
const STALL_MS = 60_000;
/** How long to wait for the answer of an installer whose stream has failed: the answer may have the reason and arrive later. */
const REFUSAL_MS = 1000;

const answerSchema = z.union([
  z.strictObject({ present: z.array(z.tuple([z.string().max(200), z.string().max(200)])).max(5000) }),
  z.strictObject({ installed: z.object({ skipped: z.array(z.string().max(200)).max(100) }) }),
  z.strictObject({ refused: z.object({ code: z.string().max(50), message: z.string().max(1000) }) }),
]);

type Answer = z.output<typeof answerSchema>;

/** What to unpack. */
export interface Unpacking {
  /** Bytes and number of the unpacked files. */
  readonly bytes: number;
  readonly files: number;
  /** Distributions that are replaced: the installer removes them first. */
  readonly replace: readonly string[];
}

/** One installer, from its start to its answer. */
export class Installation {
  readonly #stream: ByteStream;
  readonly #reader: ByteReader;
  readonly #stallMs: number;

  /**
   * @param stream A stream to the agent's service `packages`.
   * @param stallMs How long the installer may take for one step, ms.
   */
  constructor(stream: ByteStream, stallMs = STALL_MS) {
    this.#stream = stream;
    this.#stallMs = stallMs;
    this.#reader = new ByteReader(stream.readable);
  }

  /**
   * Reads what is installed already: name → version. The sandbox's code can forge it.
   *
   * @throws {OmcpError} `package_failed`.
   */
  async present(): Promise<ReadonlyMap<string, string>> {
    const answer = await this.#answer();
    if ("present" in answer) return new Map(answer.present);
    throw broken("its first answer has an unknown form");
  }

  /**
   * Sends the archive and waits until it is unpacked.
   *
   * @param unpacking See {@link Unpacking}.
   * @param archive The archive's chunks.
   * @returns Modules that were left out because Python's library has the same name.
   * @throws {OmcpError} `workspace_full`, `package_failed`, or what `archive` throws.
   */
  async unpack(unpacking: Unpacking, archive: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
    const writer = this.#stream.writable.getWriter();
    // An installer may refuse before it has the whole archive; sending the rest would be useless.
    const answer = this.#answer();
    const refusal = refusalIn(answer);
    const send = (chunk: Uint8Array) => this.#taken(Promise.race([writer.write(chunk), refusal]));
    let sent = false;
    try {
      await send(new TextEncoder().encode(`${JSON.stringify(unpacking)}\n`));
      for await (const chunk of archive) await send(chunk);
      sent = true;
      await this.#taken(Promise.race([closed(writer), refusal]));
    } catch (error) {
      const early = await within(answer.catch(() => undefined), REFUSAL_MS);
      // "installed" before the whole archive was sent cannot be true.
      if (early !== undefined && (sent || "refused" in early)) return skippedOf(early);
      throw error;
    } finally {
      writer.releaseLock();
    }
    return skippedOf(await this.#taken(answer));
  }

  /** Ends the stream: an installer that still runs is cut off. */
  close(): void {
    void this.#reader.cancel();
    this.#stream.writable.abort().catch(() => {});
  }

  /** Waits for the installer, which the sandbox's code can stop. */
  async #taken<T>(step: Promise<T>): Promise<T> {
    const done = await within(step.then((value) => ({ value })), this.#stallMs);
    if (done === undefined) throw broken(`it did nothing for ${this.#stallMs / 1000} s`);
    return done.value;
  }

  async #answer(): Promise<Answer> {
    const line = await this.#reader.readLine(MAX_ANSWER);
    if (line === "too_long") throw broken("its answer is too long");
    if (line === "ended") throw broken("it ended early");
    const parsed = answerSchema.safeParse(parsedJson(new TextDecoder().decode(line)));
    if (!parsed.success) throw broken("its answer has an unknown form");
    return parsed.data;
  }
}

/** Rejects where the installer refuses; settles in no other case. */
function refusalIn(answer: Promise<Answer>): Promise<never> {
  const refusal = Promise.withResolvers<never>();
  answer.then((given) => {
    if ("refused" in given) refusal.reject(refusedAs(given.refused));
  }, () => {});
  refusal.promise.catch(() => {});
  return refusal.promise;
}

/** Ends the archive. If the stream has failed, `close()` throws without the reason, which `ready` throws. */
async function closed(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  try {
    await writer.close();
  } catch (error) {
    await writer.ready;
    throw error;
  }
}

function skippedOf(answer: Answer): readonly string[] {
  if ("installed" in answer) return answer.installed.skipped;
  if ("present" in answer) throw broken("its answer has an unknown form");
  throw refusedAs(answer.refused);
}

function refusedAs({ code, message }: { readonly code: string; readonly message: string }): OmcpError {
  if (code === "workspace_full") {
    return new OmcpError("workspace_full", `Cannot install: /workspace is too full: ${showable(message)}`, {
      state: "Nothing was installed.",
      next:
        "Delete files in /workspace, or variables if the memory is used up; install fewer packages; or use a sandbox with more memory_mb, whose " +
        "/workspace is larger, too.",
    });
  }
  return new OmcpError("package_failed", `Cannot install: ${showable(message)}`, {
    state: code === "in_part" ? "Packages may be installed in part." : "Nothing was installed.",
    next: "Delete /workspace/.packages, then try again.",
  });
}

function broken(why: string): OmcpError {
  return new OmcpError("package_failed", `Cannot install: the sandbox's installer failed: ${why}`, {
    state: "Packages may be installed in part.",
    next: "Try again; a cell that fills the memory or ends other processes can disturb an installation.",
  });
}
