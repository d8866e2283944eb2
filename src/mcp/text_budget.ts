/** A bound on the values, displays and tracebacks of one cell: what a model reads has its price in every later turn. */
import type { CellOutput, MimeBundle } from "../sandbox/cell.ts";

/** What a model reads of a bundle, best first. */
const READABLE = ["text/markdown", "text/latex", "text/plain"] as const;
/** A result or an error comes last: what was shown before leaves it this part of the budget. */
const RESERVED_PART = 4;
const ERROR_VALUE_CHARACTERS = 4096;

/** Cuts a cell's outputs one after the other, in their order. Streams were cut where they arose; pictures are not texts. */
export class TextBudget {
  readonly #reserved: number;
  #shown: number;
  #other: number;
  #all = 0;
  #cut = 0;

  /** @param characters How many may be shown of all texts together; as many again of other representations. */
  constructor(characters: number) {
    this.#reserved = Math.floor(characters / RESERVED_PART);
    this.#shown = characters - this.#reserved;
    this.#other = characters;
  }

  /** Characters that were left out of what a model reads. */
  get cut(): number {
    return this.#cut;
  }

  /** Characters there were of it. */
  get all(): number {
    return this.#all;
  }

  /**
   * @param output One of the cell's outputs; each is to be given once.
   * @returns The same, with its texts cut where the budget is used up.
   */
  bound(output: CellOutput): CellOutput {
    switch (output.type) {
      case "stream":
        return output;
      case "error":
        return {
          ...output,
          value: output.value.slice(0, ERROR_VALUE_CHARACTERS),
          traceback: this.#clip(output.traceback, this.#reserved),
        };
      case "result":
        return { ...output, data: this.#bundle(output.data, this.#reserved) };
      case "display":
        return { ...output, data: this.#bundle(output.data, 0) };
    }
  }

  #bundle(data: MimeBundle, reserved: number): MimeBundle {
    const read = READABLE.find((mime) => typeof data[mime] === "string");
    const bounded: MimeBundle = {};
    for (const [mime, value] of Object.entries(data)) {
      if (mime === read && typeof value === "string") bounded[mime] = this.#clip(value, reserved);
      else if (mime.startsWith("image/") && mime !== "image/svg+xml") bounded[mime] = value;
      else bounded[mime] = this.#wholeOrNothing(value);
    }
    return bounded;
  }

  /** Beginning and end of a text that is too long. */
  #clip(text: string, reserved: number): string {
    const room = Math.max(reserved, this.#shown);
    const kept = Math.min(text.length, room);
    this.#shown = Math.max(0, this.#shown - kept);
    this.#all += text.length;
    if (kept === text.length) return text;
    const left = text.length - kept;
    this.#cut += left;
    const tail = Math.floor(kept / 4);
    return `${text.slice(0, kept - tail)}\n… [${left} characters left out] …\n${
      text.slice(text.length - tail)
    }`;
  }

  /** Half an HTML or JSON text is of no use. */
  #wholeOrNothing(value: MimeBundle[string]): MimeBundle[string] {
    const length = typeof value === "string" ? value.length : JSON.stringify(value).length;
    if (length > this.#other) return `[left out: ${length} characters]`;
    this.#other -= length;
    return value;
  }
}
