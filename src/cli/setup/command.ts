import { DeadlineSignal } from "../../lib/async/deadline.ts";
import { addAbortListener } from "node:events";
import { TextLineStream } from "./text_lines.ts";

/** Options of {@link runCommand}. */
export interface RunOptions {
  /** Milliseconds after which the program is killed. */
  readonly deadlineMs: number;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Receives each line of its output, of both streams. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** How a command ended. */
export type CommandEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "absent" }
  | { readonly kind: "timeout" };

/** Milliseconds between SIGTERM and SIGKILL, and the wait for the rest of a program's output after its exit. */
const GRACE_MS = 3_000;

/**
 * Runs a program of the host until it exits, without a terminal and without input.
 *
 * @param command The program and its arguments; no shell is involved.
 * @param options The deadline, and where its output goes.
 * @returns How it ended; a program that does not exist is not an error here.
 */
export async function runCommand(
  command: readonly [string, ...string[]],
  options: RunOptions,
): Promise<CommandEnd> {
  const [name, ...args] = command;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(name, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.env ? { env: options.env } : {}),
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "absent" };
    throw error;
  }
  using deadline = new DeadlineSignal(options.deadlineMs, options.signal);
  const { signal } = deadline;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  using _listener = addAbortListener(signal, () => {
    kill(child, "SIGTERM");
    killTimer = setTimeout(() => kill(child, "SIGKILL"), GRACE_MS);
  });
  const quiet = new AbortController();
  try {
    const output = Promise.all([
      eachLine(child.stdout, { onLine: options.onLine, signal: quiet.signal }),
      eachLine(child.stderr, { onLine: options.onLine, signal: quiet.signal }),
    ]);
    const status = await child.status;
    // A daemon that the program has started may keep its output open forever.
    const quietTimer = setTimeout(() => quiet.abort(), GRACE_MS);
    await output;
    clearTimeout(quietTimer);
    options.signal?.throwIfAborted();
    return deadline.expired ? { kind: "timeout" } : { kind: "exited", code: status.code };
  } finally {
    clearTimeout(killTimer);
  }
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has exited by itself.
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array>,
  options: { readonly onLine: ((line: string) => void) | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const lines = new TextLineStream();
  const piped = stream.pipeThrough(new TextDecoderStream()).pipeTo(lines.writable, {
    signal: options.signal,
  });
  piped.catch(ignore);
  try {
    for await (const line of lines.readable) options.onLine?.(line);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
}

function ignore(): void {}
