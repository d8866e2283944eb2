/** A second process in a container through the engine's exec, which the program itself never uses: a floor for comparison. */
import * as z from "zod";
import type { Engine } from "../../src/docker/mod.ts";

const createdSchema = z.object({ Id: z.string() });
const inspectedSchema = z.object({ ExitCode: z.number().nullable() });
const DEADLINE_MS = 30_000;
const FRAME_HEADER_BYTES = 8;

/** Runs commands in containers over the engine's socket. */
export class Exec implements Disposable {
  readonly #client: Deno.HttpClient;
  readonly #base: string;

  /** @param engine The engine, whose socket and version it uses. */
  constructor(engine: Engine) {
    const { socketPath } = engine;
    if (socketPath === undefined) throw new Error("This floor needs an engine with a Unix socket");
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: socketPath } });
    this.#base = `http://docker.invalid/v${engine.apiVersion}`;
  }

  /**
   * Runs a command to its end.
   *
   * @param container The container's id.
   * @param command Program and arguments.
   * @returns Its output, stdout and stderr together.
   * @throws {Error} If it did not exit with 0.
   */
  async run(container: string, command: readonly string[]): Promise<string> {
    const created = await this.#post(`/containers/${container}/exec`, {
      Cmd: command,
      AttachStdout: true,
      AttachStderr: true,
    });
    const { Id } = createdSchema.parse(await created.json());
    const started = await this.#post(`/exec/${Id}/start`, { Detach: false, Tty: false });
    const output = text(await started.bytes());
    const inspected = await this.#check(
      fetch(`${this.#base}/exec/${Id}/json`, {
        client: this.#client,
        signal: AbortSignal.timeout(DEADLINE_MS),
      }),
    );
    const { ExitCode } = inspectedSchema.parse(await inspected.json());
    if (ExitCode !== 0) throw new Error(`A command of the bench exited with ${ExitCode}: ${output}`);
    return output;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #post(path: string, body: unknown): Promise<Response> {
    return this.#check(fetch(`${this.#base}${path}`, {
      client: this.#client,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(DEADLINE_MS),
    }));
  }

  async #check(answer: Promise<Response>): Promise<Response> {
    const response = await answer;
    if (!response.ok) throw new Error(`The engine answered ${response.status}: ${await response.text()}`);
    return response;
  }
}

/** The payloads of the engine's output frames, whose header ends with a length. */
function text(frames: Uint8Array): string {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  const decoder = new TextDecoder();
  let whole = "";
  for (let at = 0; at + FRAME_HEADER_BYTES <= frames.length;) {
    const length = view.getUint32(at + 4);
    whole += decoder.decode(frames.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length));
    at += FRAME_HEADER_BYTES + length;
  }
  return whole;
}
