import { type ContainerSpec, Engine } from "../../src/docker/mod.ts";

/** The image that the engine tests run; `deno task setup` provides it. */
export const BASE_IMAGE = "debian:trixie-slim";

/** A real engine and the label of what a test makes there. */
export interface EngineTest {
  readonly engine: Engine;
  readonly labels: Readonly<Record<string, string>>;
  /** A name that nothing else has. */
  name(): string;
  /** Makes a container of the base image that runs a command, attached to nothing yet. */
  create(command: readonly string[], more?: Partial<ContainerSpec>): Promise<string>;
}

/** Runs a test against the engine and removes what it made there, by label, whatever happens. */
export async function withEngine(test: (context: EngineTest) => Promise<void>): Promise<void> {
  const engine = await Engine.connect(hostOf());
  const labels = { "org.omcp.test": crypto.randomUUID() };
  function name(): string {
    return `omcp-test-${crypto.randomUUID()}`;
  }
  function create(command: readonly string[], more: Partial<ContainerSpec> = {}): Promise<string> {
    const spec: ContainerSpec = {
      Image: BASE_IMAGE,
      Cmd: command,
      Labels: labels,
      Tty: false,
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      HostConfig: { NetworkMode: "none", LogConfig: { Type: "none" } },
      ...more,
    };
    return engine.createContainer(spec, { name: name() });
  }
  try {
    await test({ engine, labels, name, create });
  } finally {
    for (const { id } of await engine.listContainers({ labels, all: true })) await engine.removeContainer(id);
    for (const volume of await engine.listVolumes({ labels })) await engine.removeVolume(volume.name);
    engine.close();
  }
}

function hostOf(): { host?: string } {
  const host = Deno.env.get("DOCKER_HOST");
  return host === undefined ? {} : { host };
}

/** A socket that answers every connection as told, in place of an engine that is ill. */
export interface FakeEngine extends AsyncDisposable {
  readonly host: string;
  readonly path: string;
}

/**
 * Listens on a Unix socket; `answer` gets the request's head and the connection, which it may leave open.
 *
 * @param answer What to do with a connection.
 */
export async function fakeEngine(
  answer: (head: string, connection: Deno.Conn) => Promise<void> | void,
): Promise<FakeEngine> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-test-" });
  const path = `${folder}/engine.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const connections: Deno.Conn[] = [];
  async function serve(connection: Deno.Conn): Promise<void> {
    connections.push(connection);
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await connection.read(buffer);
        if (count === null) return;
        await answer(new TextDecoder().decode(buffer.subarray(0, count)), connection);
      }
    } catch {
      // The client has gone, or the test is over.
    }
  }
  async function listen(): Promise<void> {
    const served: Promise<void>[] = [];
    try {
      for await (const connection of listener) served.push(serve(connection));
    } catch {
      // Closed.
    }
    await Promise.all(served);
  }
  const listening = listen();
  return {
    host: `unix://${path}`,
    path,
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      for (const connection of connections) {
        try {
          connection.close();
        } catch {
          // Closed by the answer itself.
        }
      }
      await listening;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A whole HTTP answer with a JSON body. */
export function httpAnswer(status: number, body: unknown): Uint8Array<ArrayBuffer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const bytes = new TextEncoder().encode(text);
  const head =
    `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`;
  return new TextEncoder().encode(head + text);
}

/** The answer to `GET /version` of an engine like 20.10. */
export const VERSION_ANSWER = { ApiVersion: "1.41", MinAPIVersion: "1.12" };

/** Reads a stream to its end as text. */
export async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
