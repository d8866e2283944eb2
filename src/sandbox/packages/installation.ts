/** The server's side of an installer in a sandbox (`guest/installer/`): what is there, what to unpack, how it went. */
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { within } from "../../lib/async/deadline.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import { concatBytes } from "../../lib/bytes.ts";
import { showable } from "../../lib/text.ts";

/** Longest answer of an installer, in bytes. The sandbox's code can disturb an installer, and forge its answers. */
const MAX_ANSWER = 1024 * 1024;

/**
 * How long an installer may take for a part of the archive, and for its answer, ms. The sandbox's code can stop it, and until it ends, the
 * container that downloads is in use, of which there are few for all sandboxes.
 */
const STALL_MS = 60_000;
/** An installer that refuses writes why, then ends: which of the two is seen first is chance. */
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
  /** Distributions to remove before: they are replaced. */
  readonly replace: readonly string[];
}

/** One installer, from its start to its answer. */
export class Installation {
  readonly #stream: ByteStream;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stallMs: number;
  #rest: Uint8Array = new Uint8Array(0);

  /**
   * @param stream A stream to the agent's service `packages`.
   * @param stallMs How long the installer may take for one step, ms.
   */
  constructor(stream: ByteStream, stallMs = STALL_MS) {
    this.#stream = stream;
    this.#stallMs = stallMs;
    this.#reader = stream.readable.getReader();
  }

  /**
   * What earlier installations left: name → version. The sandbox's code can forge it.
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
   * @param unpacking Sizes, and what to remove before.
   * @param archive The archive's chunks.
   * @returns Modules that were left out because Python's library has the same name.
   * @throws {OmcpError} `workspace_full`, `package_failed`, or what `archive` throws.
   */
  async unpack(unpacking: Unpacking, archive: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
    const writer = this.#stream.writable.getWriter();
    // An installer that refuses answers at once, and reads no further.
    const answer = this.#answer();
    answer.catch(() => {});
    let sent = false;
    try {
      await this.#taken(writer.write(new TextEncoder().encode(`${JSON.stringify(unpacking)}\n`)));
      for await (const chunk of archive) await this.#taken(writer.write(chunk));
      sent = true;
      await this.#taken(writer.close());
    } catch (error) {
      const early = await within(answer.catch(() => undefined), REFUSAL_MS);
      // Who says that it has installed what it did not get is not believed.
      if (early !== undefined && (sent || "refused" in early)) return skippedOf(early);
      throw error;
    } finally {
      writer.releaseLock();
    }
    return skippedOf(await this.#taken(answer));
  }

  /** Ends the stream: an installer that still runs is cut off. */
  close(): void {
    this.#reader.cancel().catch(() => {});
    this.#stream.writable.abort().catch(() => {});
  }

  /** Waits for the installer, which the sandbox's code can stop. */
  async #taken<T>(step: Promise<T>): Promise<T> {
    const done = await within(step.then((value) => ({ value })), this.#stallMs);
    if (done === undefined) throw broken(`it did nothing for ${this.#stallMs / 1000} s`);
    return done.value;
  }

  async #answer(): Promise<Answer> {
    let end = this.#rest.indexOf(10);
    while (end < 0) {
      if (this.#rest.length > MAX_ANSWER) throw broken("its answer is too long");
      const { value, done } = await this.#reader.read();
      if (done) throw broken("it ended early");
      this.#rest = concatBytes([this.#rest, value]);
      end = this.#rest.indexOf(10);
    }
    const text = new TextDecoder().decode(this.#rest.subarray(0, end));
    this.#rest = this.#rest.slice(end + 1);
    const parsed = answerSchema.safeParse(readJson(text));
    if (!parsed.success) throw broken("its answer has an unknown form");
    return parsed.data;
  }
}

function skippedOf(answer: Answer): readonly string[] {
  if ("installed" in answer) return answer.installed.skipped;
  if ("present" in answer) throw broken("its answer has an unknown form");
  const { code, message } = answer.refused;
  if (code === "workspace_full") {
    throw new OmcpError("workspace_full", `Cannot install: /workspace is too full: ${showable(message)}`, {
      state: "Nothing was installed.",
      next: "Delete files in /workspace, or install fewer packages.",
    });
  }
  throw new OmcpError("package_failed", `Cannot install: ${showable(message)}`, {
    state: code === "in_part" ? "Packages may be installed in part." : "Nothing was installed.",
    next: "Delete /workspace/.packages, then try again.",
  });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function broken(why: string): OmcpError {
  return new OmcpError("package_failed", `Cannot install: the sandbox's installer failed: ${why}`, {
    state: "Packages may be installed in part.",
    next: "Try again; a cell that fills the memory or ends other processes can disturb an installation.",
  });
}
