import { concatBytes } from "../../lib/bytes.ts";

/** Decodes UTF-8 from chunks that are cut anywhere, and detects invalid bytes. */
export class Utf8Reader {
  readonly #strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #lenient = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest: Uint8Array = new Uint8Array(0);
  #begun = false;
  #invalid = false;

  /** True once it has read invalid bytes, which it replaces by U+FFFD. */
  get invalid(): boolean {
    return this.#invalid;
  }

  /**
   * Decodes the next bytes.
   *
   * @param bytes The bytes, cut anywhere.
   * @returns Their text, without a byte order mark at the start.
   */
  push(bytes: Uint8Array): string {
    const whole = concatBytes([this.#rest, bytes]);
    const end = wholeCharacters(whole);
    this.#rest = whole.slice(end);
    return this.#decode(whole.subarray(0, end));
  }

  /** Decodes the end: an incomplete character there is invalid. */
  end(): string {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    return this.#decode(rest);
  }

  #decode(bytes: Uint8Array): string {
    let text: string;
    try {
      text = this.#strict.decode(bytes);
    } catch {
      this.#invalid = true;
      text = this.#lenient.decode(bytes);
    }
    if (this.#begun || text === "") return text;
    this.#begun = true;
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
  }
}

/** How many bytes form complete characters; up to three more at the end may begin an incomplete one. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue; // A continuation: the character begins before it.
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
