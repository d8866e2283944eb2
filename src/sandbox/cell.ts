/** What comes back from a cell: the agent's events and its reply, untrusted until they have passed these shapes. */
import * as z from "zod";
import { OmcpError } from "../errors.ts";

/** More characters than the agent may ever send for one cell (its own caps are lower): beyond it, it is not our agent any more. */
const MAX_CELL_CHARACTERS = 32 * 1024 * 1024;

/** Texts; JSON among them stays text. */
const mimeBundleSchema = z.record(z.string().max(256), z.string()).refine(
  (bundle) => Object.keys(bundle).length <= 32,
  "at most 32 representations",
);

const count = z.number().int().nonnegative();

const outputSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("stream"),
    name: z.enum(["stdout", "stderr"]),
    text: z.string(),
    /** Bytes that were left out before this text. */
    skipped: count.optional(),
    /** It came while no cell ran. */
    late: z.boolean().optional(),
  }),
  z.object({
    type: z.literal("display"),
    data: mimeBundleSchema,
    /** The kernel's own words about the cell: no display of the cell's. */
    note: z.boolean().optional(),
    parts: count.optional(),
  }),
  z.object({ type: z.literal("result"), data: mimeBundleSchema, parts: count.optional() }),
  z.object({
    type: z.literal("error"),
    name: z.string(),
    value: z.string(),
    traceback: z.string(),
    /** It did not end the cell. */
    note: z.boolean().optional(),
  }),
]);

/** The cell clears its output: what was printed so far, at once or when something more is printed. */
const clearSchema = z.object({ type: z.literal("clear"), wait: z.boolean() });

/** A part of a text of the display that comes next, whose `parts` is this number. */
const partSchema = z.object({
  type: z.literal("part"),
  display: count,
  name: z.string().max(256),
  text: z.string(),
});

const eventSchema = z.discriminatedUnion("type", [...outputSchema.options, clearSchema, partSchema]);

const totalsSchema = z.object({ bytes: count, kept: count });

/** How a kernel ended. */
const deathSchema = z.object({
  signal: z.string().max(40).nullish(),
  exit_code: z.number().int().nullish(),
  oom: z.boolean(),
});

const replySchema = z.object({
  status: z.enum(["ok", "error", "timeout", "interrupted", "kernel_died"]),
  kernel: z.enum(["kept", "restarted", "unavailable"]),
  execution_count: count.nullish(),
  elapsed_ms: z.number().nonnegative(),
  output: z.object({
    stdout: totalsSchema,
    stderr: totalsSchema,
    displays: z.object({ count, kept: count, bytes: count }),
  }),
  died: deathSchema.nullish(),
  /** How an earlier kernel ended between this cell and the one before. */
  lost: deathSchema.nullish(),
  /** Processes that the memory limit has ended since the last reply. */
  oom_kills: count.default(0),
  /** The end that its kernel told was made up, and so may be its value. */
  forged: z.boolean().default(false),
  /** Processes and threads that cells have left running and that were not reported before. */
  background_processes: count.default(0),
  background_threads: count.default(0),
});

/** How a kernel ended. */
export type Death = z.output<typeof deathSchema>;

/** One representation of a value for each MIME type. */
export type MimeBundle = z.output<typeof mimeBundleSchema>;

/** One thing a cell put out, in the order it did. */
export type CellOutput = z.output<typeof outputSchema>;

/** The agent's last word on a cell. */
export type CellReply = z.output<typeof replySchema>;

/** A cell's whole outcome. */
export interface CellOutcome extends Omit<CellReply, "kernel"> {
  readonly outputs: readonly CellOutput[];
  /** `unknown`: the agent had not answered when the caller had to be. */
  readonly kernel: CellReply["kernel"] | "unknown";
  /** How long it waited for another cell of the sandbox, ms. */
  readonly waited_ms?: number;
}

/** Puts a cell's outcome together from its events. */
export class CellCollector {
  #outputs: CellOutput[] = [];
  #clearsNext = false;
  /** Bytes that were printed and cleared. */
  readonly #cleared = { stdout: 0, stderr: 0 };
  readonly #onOutput: ((output: CellOutput) => void) | undefined;
  #characters = 0;
  #parts: { readonly display: number; readonly texts: Map<string, string[]> } | undefined;
  #broken: string | undefined;

  /** @param onOutput Told of each output as it comes. */
  constructor(onOutput?: (output: CellOutput) => void) {
    this.#onOutput = onOutput;
  }

  /**
   * Takes one event. Of a cell that has already broken the rules, nothing more is kept.
   *
   * @param event An event of the cell's request.
   */
  take(event: unknown): void {
    if (this.#broken !== undefined) return;
    const parsed = eventSchema.safeParse(event);
    if (!parsed.success) {
      this.#broken = "an event of unknown shape";
      return;
    }
    const { data } = parsed;
    this.#characters += characters(data);
    if (this.#characters > MAX_CELL_CHARACTERS) {
      this.#broken = `more than ${MAX_CELL_CHARACTERS} characters of events`;
    } else if (data.type === "part") {
      this.#keepPart(data);
    } else if (data.type === "clear") {
      if (data.wait) this.#clearsNext = true;
      else this.#clear();
    } else {
      const output = this.#whole(data);
      if (this.#clearsNext && isPrinted(output)) this.#clear();
      this.#append(output);
      this.#onOutput?.(output);
    }
  }

  #keepPart({ display, name, text }: z.output<typeof partSchema>): void {
    if (this.#parts?.display !== display) this.#parts = { display, texts: new Map() };
    const begun = this.#parts.texts.get(name);
    if (begun === undefined) this.#parts.texts.set(name, [text]);
    else begun.push(text);
  }

  /** An output with the texts that came in parts before it. */
  #whole(output: CellOutput): CellOutput {
    if ((output.type !== "display" && output.type !== "result") || output.parts === undefined) return output;
    const parts = this.#parts;
    this.#parts = undefined;
    if (parts?.display !== output.parts) {
      this.#broken = "a display without its parts";
      return output;
    }
    const texts = [...parts.texts].map(([name, pieces]) => [name, pieces.join("")] as const);
    return { ...output, data: { ...output.data, ...Object.fromEntries(texts) } };
  }

  /** What has come so far. */
  get outputs(): readonly CellOutput[] {
    return this.#outputs;
  }

  /**
   * Ends the cell.
   *
   * @param reply The reply's result.
   * @throws {OmcpError} `channel_failed` where the reply or an event was not of the agreed shape.
   */
  finish(reply: unknown): CellOutcome {
    const parsed = replySchema.safeParse(reply);
    const problem = this.#broken ?? (parsed.success ? undefined : "a reply of unknown shape");
    if (problem !== undefined || !parsed.success) {
      throw new OmcpError("channel_failed", `The sandbox sent ${problem}`, {
        state: "It cannot be trusted any more and is being removed; its variables and files are gone.",
        next: "Create a new sandbox.",
        retryable: false,
      });
    }
    const { output } = parsed.data;
    return {
      ...parsed.data,
      output: {
        stdout: without(output.stdout, this.#cleared.stdout),
        stderr: without(output.stderr, this.#cleared.stderr),
        displays: output.displays,
      },
      outputs: parsed.data.forged
        ? this.#outputs.filter((output) => output.type !== "result")
        : this.#outputs,
    };
  }

  /** Forgets what the cell has printed. Displays the kernel itself has held back. */
  #clear(): void {
    this.#clearsNext = false;
    for (const { name, text } of this.#outputs.filter(isPrinted)) {
      this.#cleared[name] += new TextEncoder().encode(text).byteLength;
    }
    this.#outputs = this.#outputs.filter((output) => !isPrinted(output));
  }

  #append(output: CellOutput): void {
    const last = this.#outputs.at(-1);
    if (
      output.type === "stream" && last?.type === "stream" && last.name === output.name &&
      last.late === output.late && (output.skipped ?? 0) === 0
    ) {
      this.#outputs[this.#outputs.length - 1] = { ...last, text: last.text + output.text };
    } else {
      this.#outputs.push(output);
    }
  }
}

function characters(event: z.output<typeof eventSchema>): number {
  switch (event.type) {
    case "clear":
      return 0;
    case "error":
      return event.name.length + event.value.length + event.traceback.length;
    case "stream":
    case "part":
      return event.text.length;
    default:
      return Object.values(event.data).reduce((sum, text) => sum + text.length, 0);
  }
}

/** Whether it is something that the cell itself has printed. */
function isPrinted(output: CellOutput): output is CellOutput & { readonly type: "stream" } {
  return output.type === "stream" && output.late !== true;
}

function without(total: { readonly bytes: number; readonly kept: number }, cleared: number) {
  return { bytes: Math.max(0, total.bytes - cleared), kept: Math.max(0, total.kept - cleared) };
}
