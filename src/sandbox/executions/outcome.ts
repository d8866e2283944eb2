/** Builds an execution's outcome from the agent's events and its reply, which are untrusted until their schemas accept them. */
import {
  type ExecuteResult,
  executeResultSchema,
  type ExecutionEvent,
  executionEventSchema,
  type ExecutionOutput,
  type PartEvent,
} from "../../agent_protocol/messages/mod.ts";
import { OmcpError } from "../../errors.ts";
import { isPrinted, OutputLog } from "./output_log.ts";

/** Most characters of one execution's events. The agent's own limits are lower: whatever sends more is not our agent. */
const MAX_CHARACTERS = 32 * 1024 * 1024;

/**
 * What became of the kernel. `restarting`: a restart interrupted the execution and waits for its end. `unknown`: the agent had not replied
 * when the caller's deadline passed.
 */
export type KernelAfter = ExecuteResult["kernel"] | "restarting" | "unknown";

/** The outcome of an execution. */
export interface ExecutionOutcome extends Omit<ExecuteResult, "kernel"> {
  /** In the order in which the cell produced them. */
  readonly outputs: readonly ExecutionOutput[];
  readonly kernel: KernelAfter;
  /** How long it waited for another execution of the sandbox, ms. */
  readonly waitedMs?: number;
  /** How long it waited for the sandbox's first kernel to start, ms; not a part of its timeout. */
  readonly kernelStartMs?: number;
}

/** Builds an execution's outcome from its events. */
export class OutputCollector {
  readonly #log: OutputLog;
  #clearsNext = false;
  /** Bytes that were printed and cleared. */
  readonly #cleared = { stdout: 0, stderr: 0 };
  readonly #onOutput: ((output: ExecutionOutput) => void) | undefined;
  #characters = 0;
  #parts: { readonly display: number; readonly texts: Map<string, string[]> } | undefined;
  #broken: string | undefined;

  /**
   * @param onOutput Gets each output as it arrives.
   * @param log Keeps the outputs.
   */
  constructor(onOutput?: (output: ExecutionOutput) => void, log = new OutputLog()) {
    this.#onOutput = onOutput;
    this.#log = log;
  }

  /**
   * Adds an event. After an event that breaks the contract it ignores all others.
   *
   * @param event An event of the execution's request.
   */
  add(event: unknown): void {
    if (this.#broken !== undefined) return;
    const parsed = executionEventSchema.safeParse(event);
    if (!parsed.success) {
      this.#broken = "an invalid event";
      return;
    }
    const { data } = parsed;
    this.#characters += characters(data);
    if (this.#characters > MAX_CHARACTERS) {
      this.#broken = `more than ${MAX_CHARACTERS} characters of events`;
    } else if (data.type === "part") {
      this.#keepPart(data);
    } else if (data.type === "clear_output") {
      if (data.wait) this.#clearsNext = true;
      else this.#clear();
    } else {
      const output = this.#withParts(data);
      if (this.#clearsNext && isPrinted(output)) this.#clear();
      this.#log.append(output);
      this.#onOutput?.(output);
    }
  }

  #keepPart({ display, mimeType, text }: PartEvent): void {
    if (this.#parts?.display !== display) this.#parts = { display, texts: new Map() };
    const begun = this.#parts.texts.get(mimeType);
    if (begun === undefined) this.#parts.texts.set(mimeType, [text]);
    else begun.push(text);
  }

  /** An output with the texts that arrived in parts before it. */
  #withParts(output: ExecutionOutput): ExecutionOutput {
    if (output.type === "stream" || output.type === "error" || output.display === undefined) return output;
    const parts = this.#parts;
    this.#parts = undefined;
    if (parts?.display !== output.display) {
      this.#broken = "a display without its parts";
      return output;
    }
    const texts = [...parts.texts].map(([name, pieces]) => [name, pieces.join("")] as const);
    return { ...output, data: { ...output.data, ...Object.fromEntries(texts) } };
  }

  /** The outputs that have arrived so far. */
  get outputs(): readonly ExecutionOutput[] {
    return this.#log.outputs;
  }

  /**
   * Ends the execution.
   *
   * @param result The reply's result.
   * @throws {OmcpError} `channel_failed` if the result or an event does not have the contract's shape.
   */
  finish(result: unknown): ExecutionOutcome {
    const parsed = executeResultSchema.safeParse(result);
    const problem = this.#broken ?? (parsed.success ? undefined : "an invalid result");
    if (problem !== undefined || !parsed.success) {
      throw new OmcpError("channel_failed", `The sandbox sent ${problem}`, {
        state: "The server no longer trusts the sandbox and removes it; its variables and files are gone.",
        next: "Create a new sandbox.",
        retryable: false,
      });
    }
    const { output } = parsed.data;
    if (parsed.data.forged) this.#log.dropValues();
    return {
      ...parsed.data,
      output: {
        stdout: without(output.stdout, this.#cleared.stdout),
        stderr: without(output.stderr, this.#cleared.stderr),
        displays: output.displays,
      },
      outputs: this.#log.outputs,
    };
  }

  /** Forgets what the cell has printed. The kernel itself holds back displays that a cell clears. */
  #clear(): void {
    this.#clearsNext = false;
    const { stdout, stderr } = this.#log.clearPrinted();
    this.#cleared.stdout += stdout;
    this.#cleared.stderr += stderr;
  }
}

function characters(event: ExecutionEvent): number {
  switch (event.type) {
    case "clear_output":
      return 0;
    case "error":
      return event.ename.length + event.evalue.length + event.traceback.length;
    case "stream":
    case "part":
      return event.text.length;
    default:
      return Object.values(event.data).reduce((sum, text) => sum + text.length, 0);
  }
}

function without(total: { readonly bytes: number; readonly kept: number }, cleared: number) {
  return { bytes: Math.max(0, total.bytes - cleared), kept: Math.max(0, total.kept - cleared) };
}
