/** Turns chunks of bytes into text, whatever the cuts between them, and notes when bytes are no UTF-8. */
export class Utf8Reader {
  readonly #strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #lenient = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = new Uint8Array(0);
  #begun = false;
  #invalid = false;

  /** True once bytes were met that are no UTF-8: each became U+FFFD. */
  get invalid(): boolean {
    return this.#invalid;
  }

  /**
   * Takes bytes.
   *
   * @param bytes The next ones.
   * @returns Their text; a byte order mark at the very start is left out.
   */
  push(bytes: Uint8Array): string {
    const whole = new Uint8Array(this.#rest.length + bytes.length);
    whole.set(this.#rest);
    whole.set(bytes, this.#rest.length);
    const end = wholeCharacters(whole);
    this.#rest = whole.slice(end);
    return this.#decode(whole.subarray(0, end));
  }

  /** Takes the end: a character that is cut off there is no UTF-8. */
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

/** How many of the bytes make up whole characters: at most three at the end wait for the rest of theirs. */
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
