/** Runs a program in a container of its own, once. */
import { addAbortListener } from "node:events";
import { abortError } from "../lib/async/abort_error.ts";
import { DeadlineSignal } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import type { ContainerRuntime } from "./container_runtime.ts";
import type { ContainerSpec } from "./container_spec.ts";
import { Removals } from "./removals.ts";

/** How long the call waits for the container's removal, which continues afterwards. */
const REMOVAL_MS = 5000;

/** What {@link runProgram} needs besides the container. */
export interface RunProgramOptions {
  /** The container's name in the runtime; unique. */
  readonly name: string;
  /** Milliseconds for all of it. */
  readonly deadlineMs: number;
  /** Bytes of its stdout, and of its stderr, that are read; more is an error. */
  readonly outputBytes: number;
  /** What it gets on its stdin. @default nothing */
  readonly input?: Uint8Array;
  /** Aborting it ends the program. */
  readonly signal?: AbortSignal;
}

/** What a program printed. */
export interface ProgramOutput {
  /** All of its stdout. */
  readonly stdout: string;
  /** All of its stderr. */
  readonly stderr: string;
}

/**
 * Starts a container and reads what its program prints until it ends. The container is removed in any case.
 *
 * @param runtime Where it runs.
 * @param spec The container, whose stdin ends with the attach.
 * @param options See {@link RunProgramOptions}.
 * @returns What it printed; the program's exit status is not reported.
 * @throws {OmcpError} The runtime's errors, `timeout`, `cancelled`, or `engine_failed` if it prints too much.
 */
export async function runProgram(
  runtime: ContainerRuntime,
  spec: ContainerSpec,
  { name, deadlineMs, outputBytes, input, signal: given }: RunProgramOptions,
): Promise<ProgramOutput> {
  using deadline = new DeadlineSignal(deadlineMs, given);
  const { signal } = deadline;
  // Not abortable: the engine would go on, and create the container after its removal. One that appears although this call fails is
  // never started, and `removeOrphans` removes it.
  const id = await runtime.createContainer(spec, { name, deadlineMs });
  try {
    const attachment = await runtime.attach(id, { signal });
    using _closing = addAbortListener(signal, () => attachment.close());
    try {
      await runtime.startContainer(id, { signal });
      const [stdout, stderr] = await Promise.all([
        readText(attachment.readable, outputBytes, name),
        readText(attachment.stderr, outputBytes, name),
        input === undefined ? undefined : sendAll(attachment.writable, input),
      ]);
      signal.throwIfAborted();
      return { stdout, stderr };
    } finally {
      attachment.close();
    }
  } catch (error) {
    if (signal.aborted) throw abortError(signal.reason, `Cannot run the program in ${name}`);
    throw error;
  } finally {
    await new Removals(runtime).remove({ name, id }).within(REMOVAL_MS);
  }
}

/** A program that ends before it has read all says why on its stderr. */
async function sendAll(stdin: WritableStream<Uint8Array>, input: Uint8Array): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(input);
    await writer.close();
  } catch {
    // See above.
  }
}

async function readText(stream: ReadableStream<Uint8Array>, limit: number, name: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    if (bytes > limit) {
      throw new OmcpError("engine_failed", `The program in ${name} printed more than ${limit} bytes`, {
        state: "Its container is removed.",
      });
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
