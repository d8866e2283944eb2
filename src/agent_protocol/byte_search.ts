/** Finds one short byte sequence in many long ones (Horspool's method: it looks at about one byte in the sequence's length). */
export class ByteSearch {
  readonly #needle: Uint8Array;
  /** How far to advance, by the byte under the needle's last position. */
  readonly #skip: Uint8Array;

  /** @param needle 1 to 255 bytes. */
  constructor(needle: Uint8Array) {
    this.#needle = needle;
    this.#skip = new Uint8Array(256).fill(needle.length);
    for (let place = 0; place < needle.length - 1; place += 1) {
      this.#skip[needle[place] ?? 0] = needle.length - 1 - place;
    }
  }

  /**
   * @param haystack Where to look.
   * @param from The first index to look at.
   * @returns The index of the first occurrence, or -1.
   */
  find(haystack: Uint8Array, from = 0): number {
    const last = this.#needle.length - 1;
    for (let at = from; at + last < haystack.length;) {
      let place = last;
      while (place >= 0 && haystack[at + place] === this.#needle[place]) place -= 1;
      if (place < 0) return at;
      at += this.#skip[haystack[at + last] ?? 0] ?? 1;
    }
    return -1;
  }
}
