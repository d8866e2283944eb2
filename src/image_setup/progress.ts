/** Receives one line for the person who waits. */
export type Progress = (text: string) => void;

/**
 * Writes progress to stderr, with the elapsed time: stdout may belong to a protocol or a report.
 *
 * @returns Writes a line.
 */
export function stderrProgress(): Progress {
  const start = performance.now();
  const encoder = new TextEncoder();
  return function write(text) {
    const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6);
    Deno.stderr.writeSync(encoder.encode(`[${seconds} s] ${text}\n`));
  };
}

/** Options of a {@link ProgressDigest}. */
export interface DigestOptions {
  readonly progress: Progress;
  /** Printed before each line. */
  readonly title: string;
  /** Milliseconds between two ordinary lines. @default 5000 */
  readonly everyMs?: number;
}

/** How many lines are kept for an error. */
const TAIL = 20;
/** Silence after which a reminder is printed, in milliseconds. */
const REMINDER_MS = 10_000;
/** How many characters of a line are kept for an error. */
const KEPT_WIDTH = 300;
/** How many characters of a line are shown. */
const WIDTH = 100;

/**
 * Reduces the output of a long job to what a person can follow: every heading, the newest ordinary line every few seconds, and a reminder
 * during silence. It keeps the last lines for an error message. Dispose of it at the end.
 */
export class ProgressDigest implements Disposable {
  readonly #options: DigestOptions;
  readonly #tail: string[] = [];
  readonly #reminder: ReturnType<typeof setInterval>;
  #shownAt = performance.now();
  #heading = "working";

  /**
   * Starts the reminders.
   *
   * @param options Where the lines go.
   */
  constructor(options: DigestOptions) {
    this.#options = options;
    this.#reminder = setInterval(() => this.#remind(), REMINDER_MS);
  }

  /** The last lines, oldest first. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** The last heading. */
  get current(): string {
    return this.#heading;
  }

  /** Adds a heading, which is always shown. */
  heading(text: string): void {
    this.#heading = text;
    this.#show(text);
  }

  /** Adds an ordinary line. */
  line(text: string): void {
    const plain = this.note(text);
    if (plain === "") return;
    if (performance.now() - this.#shownAt >= (this.#options.everyMs ?? 5000)) this.#show(`… ${plain}`);
  }

  /** Adds a line that is only kept for an error; returns it without its control characters. */
  note(text: string): string {
    // deno-lint-ignore no-control-regex
    const plain = text.replace(/\u001b\[[0-9;]*[A-Za-z]|[\u0000-\u001f\u007f]/g, " ").trim();
    if (plain !== "") this.#tail.push(plain.slice(0, KEPT_WIDTH));
    if (this.#tail.length > TAIL) this.#tail.shift();
    return plain;
  }

  /** Ends the reminders. */
  [Symbol.dispose](): void {
    clearInterval(this.#reminder);
  }

  #remind(): void {
    if (performance.now() - this.#shownAt >= REMINDER_MS) this.#show(`… still ${this.#heading}`);
  }

  #show(text: string): void {
    this.#shownAt = performance.now();
    const cut = text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text;
    this.#options.progress(`${this.#options.title}: ${cut}`);
  }
}
