/** The demo's output: numbered steps with their code, results, times and outcomes. */

import { counted } from "../../lib/counted.ts";
import { errorMessage } from "../../lib/error_message.ts";

const WIDTH = 120;

/** Prints the demo's steps and counts those that failed. */
export class Transcript {
  readonly #write: (line: string) => void;
  readonly #color: boolean;
  readonly #start = performance.now();
  #step = 0;
  #failures = 0;

  /**
   * @param write Receives each line.
   * @param color Whether to use ANSI colours.
   */
  constructor(write: (line: string) => void, color: boolean) {
    this.#write = write;
    this.#color = color;
  }

  /** How many steps failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Prints a heading. */
  title(text: string): void {
    this.#write(`\n${this.#paint("1", text)}\n${"─".repeat(Math.min(WIDTH, text.length))}`);
  }

  /** Prints plain lines. */
  say(text: string): void {
    this.#write(text);
  }

  /**
   * Runs one step and prints its heading, output, outcome and time.
   *
   * @param heading What the step shows.
   * @param run The step; it prints through {@link Transcript.code} and {@link Transcript.reply}, and throws when it fails.
   */
  async step<T>(heading: string, run: () => Promise<T>): Promise<T | undefined> {
    this.#step += 1;
    this.#write(`\n${this.#paint("1;36", `${this.#step}. ${heading}`)}`);
    const start = performance.now();
    try {
      const result = await run();
      this.#write(`   ${this.#paint("32", "✓")} ${elapsed(start)}`);
      return result;
    } catch (error) {
      this.#failures += 1;
      this.#write(
        `   ${this.#paint("31", "✗")} ${elapsed(start)}  ${errorMessage(error)}`,
      );
      return undefined;
    }
  }

  /** Prints the code that is sent. */
  code(text: string): void {
    for (const line of text.trim().split("\n")) this.#write(`   ${this.#paint("2", "»")} ${line}`);
  }

  /** Prints the first lines of a result. */
  reply(text: string, lines = 12): void {
    const all = text.trimEnd().split("\n");
    for (const line of all.slice(0, lines)) this.#indented(line);
    if (all.length > lines) this.#write(`     … ${counted(all.length - lines, "more line")}`);
  }

  /** Prints the last lines of a failure: a traceback ends with the error. */
  failure(text: string, lines = 8): void {
    const all = text.trimEnd().split("\n");
    if (all.length > lines) this.#write(`     … ${counted(all.length - lines, "earlier line")}`);
    for (const line of all.slice(-lines)) this.#indented(line);
  }

  #indented(line: string): void {
    this.#write(`     ${line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line}`);
  }

  /** Prints the summary. */
  end(): void {
    const summary = this.#failures === 0
      ? this.#paint("1;32", `All ${this.#step} steps passed`)
      : this.#paint("1;31", `${this.#failures} of ${this.#step} steps failed`);
    this.#write(`\n${summary}, in ${elapsed(this.#start)}.`);
  }

  #paint(style: string, text: string): string {
    return this.#color ? `\x1b[${style}m${text}\x1b[0m` : text;
  }
}

function elapsed(start: number): string {
  const ms = performance.now() - start;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
