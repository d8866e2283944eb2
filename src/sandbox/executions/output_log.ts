/** The output of one execution. All of it has positions, so that a reader can ask for what follows the last one that it has seen. */
import type { ExecutionOutput } from "../../agent_protocol/messages/mod.ts";
import { utf8Bytes } from "../../lib/bytes.ts";
import { beforeSplit } from "../../lib/cut_text.ts";

/** Printed text, apart from what was printed while no cell ran. */
export type PrintedOutput = ExecutionOutput & { readonly type: "stream" };

/** A part of the output. */
export interface OutputPage {
  readonly outputs: readonly ExecutionOutput[];
  /** The position after it. */
  readonly next: number;
  /** Whether output after it has arrived already. */
  readonly more: boolean;
  /** Whether the cell has cleared printed text since the position that was asked for. */
  readonly cleared: boolean;
}

/** Memory of an output besides its text. */
const ENTRY_BYTES = 200;

interface Entry {
  readonly start: number;
  readonly output: ExecutionOutput;
  /** Its size in UTF-8. */
  readonly bytes: number;
}

/** The output of one execution. A character of printed text takes one position, and so does any other output. */
export class OutputLog {
  #entries: Entry[] = [];
  #next = 0;
  #clearedAt = 0;
  #bytes = 0;
  readonly #printed = { stdout: 0, stderr: 0 };
  readonly #onGrown: () => void;

  /** @param onGrown Called after each output. */
  constructor(onGrown: () => void = () => {}) {
    this.#onGrown = onGrown;
  }

  /** Everything that is kept, in order; adjacent texts of a stream are one output. */
  get outputs(): readonly ExecutionOutput[] {
    return this.#entries.map(({ output }) => output);
  }

  /** The position after the last output. */
  get next(): number {
    return this.#next;
  }

  /** How much is kept, in bytes of UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** About how much memory that takes, in bytes. Entries count: a cell that alternates between stdout and stderr makes one of each character. */
  get memory(): number {
    return this.#bytes + ENTRY_BYTES * this.#entries.length;
  }

  /** Bytes that the cell has printed to a stream, as far as they have arrived; cleared text counts. */
  printedBytes(name: PrintedOutput["name"]): number {
    return this.#printed[name];
  }

  /** @param output The next output. */
  append(output: ExecutionOutput): void {
    const last = this.#entries.at(-1);
    const bytes = outputBytes(output);
    this.#bytes += bytes;
    if (isPrinted(output)) this.#printed[output.name] += bytes;
    if (
      last !== undefined && output.type === "stream" && last.output.type === "stream" &&
      last.output.name === output.name && last.output.late === output.late && (output.skipped ?? 0) === 0 &&
      last.start + last.output.text.length === this.#next
    ) {
      const merged = { ...last.output, text: last.output.text + output.text };
      this.#entries[this.#entries.length - 1] = {
        start: last.start,
        output: merged,
        bytes: last.bytes + bytes,
      };
    } else {
      this.#entries.push({ start: this.#next, output, bytes });
    }
    this.#next += positions(output);
    this.#onGrown();
  }

  /**
   * Forgets what the cell has printed.
   *
   * @returns How much that was, in bytes of each stream.
   */
  clearPrinted(): Readonly<Record<PrintedOutput["name"], number>> {
    this.#clearedAt = this.#next;
    const cleared = { stdout: 0, stderr: 0 };
    for (const { output, bytes } of this.#entries) if (isPrinted(output)) cleared[output.name] += bytes;
    if (cleared.stdout + cleared.stderr > 0) this.#keep((output) => !isPrinted(output));
    return cleared;
  }

  /** Forgets the values of last expressions, for a kernel that has forged them. */
  dropValues(): void {
    this.#keep(({ type }) => type !== "execute_result");
  }

  /** Forgets everything but the position. */
  drop(): void {
    this.#keep(() => false);
  }

  /**
   * Reads forwards.
   *
   * @param since A position; one beyond the end counts as the end.
   * @param characters About how many characters of text the page may have; a single output other than printed text is never cut.
   */
  read(since: number, characters: number): OutputPage {
    const outputs: ExecutionOutput[] = [];
    const cleared = since > 0 && since < this.#clearedAt;
    let room = characters;
    for (const { start, output } of this.#entries) {
      const end = start + positions(output);
      if (end <= since) continue;
      const rest = since > start ? tailOf(output, since - start) : output;
      const length = textLength(rest);
      // Leaves all of it to the next page: half a number reads as another number.
      if (length > room && outputs.length > 0 && (room === 0 || rest.type !== "stream")) {
        return { outputs, next: Math.max(start, since), more: true, cleared };
      }
      if (rest.type === "stream" && length > room) {
        const text = headOf(rest.text, room);
        if (text !== "") outputs.push({ ...rest, text });
        return { outputs, next: end - length + text.length, more: true, cleared };
      }
      outputs.push(rest);
      room -= Math.min(room, length);
    }
    return { outputs, next: this.#next, more: false, cleared };
  }

  #keep(wanted: (output: ExecutionOutput) => boolean): void {
    this.#entries = this.#entries.filter(({ output }) => wanted(output));
    // From the stored sizes: a cell may clear its text many times, and measuring its pictures each time would be slow.
    this.#bytes = this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

/** Whether the cell itself printed it. */
export function isPrinted(output: ExecutionOutput): output is PrintedOutput {
  return output.type === "stream" && output.late !== true;
}

function positions(output: ExecutionOutput): number {
  return output.type === "stream" ? output.text.length : 1;
}

/** How many characters of text an output shows; pictures count as nothing. */
function textLength(output: ExecutionOutput): number {
  switch (output.type) {
    case "stream":
      return output.text.length;
    case "error":
      return output.traceback.length;
    default:
      return output.data["text/plain"]?.length ?? 0;
  }
}

function outputBytes(output: ExecutionOutput): number {
  switch (output.type) {
    case "stream":
      return utf8Bytes(output.text);
    case "error":
      return utf8Bytes(output.ename) + utf8Bytes(output.evalue) + utf8Bytes(output.traceback);
    default:
      return Object.values(output.data).reduce((sum, text) => sum + utf8Bytes(text), 0);
  }
}

/** An output without its first `offset` positions, and without `skipped`, which belongs before the first. */
function tailOf(output: ExecutionOutput, offset: number): ExecutionOutput {
  if (output.type !== "stream") return output;
  const { skipped: _, ...rest } = output;
  return { ...rest, text: output.text.slice(offset) };
}

/** The first `length` characters, but at least one, so that a reader makes progress. */
function headOf(text: string, length: number): string {
  // The first character may have two UTF-16 units.
  return beforeSplit(text, Math.max(length, 1)) || text.slice(0, 2);
}
