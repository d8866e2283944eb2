import assert from "node:assert/strict";
import { POSTGRES_IMAGE as IMAGE } from "../../../fixtures/images.ts";

/** An empty Postgres in a container without a network; its disposal removes the container. */
export class ScratchPostgres implements AsyncDisposable {
  readonly #container: string;

  private constructor(container: string) {
    this.#container = container;
  }

  /** @returns A running server, ready for connections. */
  static async start(): Promise<ScratchPostgres> {
    const init = "initdb -D /data/pg -U tester -A trust -E UTF8 --no-sync >/dev/null && " +
      "exec postgres -D /data/pg -c listen_addresses= -k /data -c fsync=off -c full_page_writes=off";
    const { text } = await docker([
      ...["run", "-d", "--rm", "--network", "none", "--label", `org.omcp.test=${crypto.randomUUID()}`],
      ...["--tmpfs", "/data:uid=10001,gid=10001,size=512m", IMAGE, "sh", "-c", init],
    ]);
    const postgres = new ScratchPostgres(text.trim());
    try {
      await postgres.#ready();
    } catch (error) {
      await postgres[Symbol.asyncDispose]();
      throw error;
    }
    return postgres;
  }

  /**
   * Runs a psql script; an error ends it.
   *
   * @param script Statements, meta-commands, COPY data.
   * @returns The rows, a line each, columns separated by `|`.
   */
  async run(script: string | ReadableStream<Uint8Array>): Promise<readonly string[]> {
    const { text } = await docker([
      ...["exec", "-i", this.#container, "psql", "-h", "/data", "-U", "tester", "-d", "postgres"],
      ...["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--file=-"],
    ], script);
    return text.split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await docker(["rm", "--force", "--volumes", this.#container]);
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (true) {
      try {
        await this.run("select 1;");
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

async function docker(
  args: readonly string[],
  input?: string | ReadableStream<Uint8Array>,
): Promise<{ text: string }> {
  const child = new Deno.Command("docker", {
    args: [...args],
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(120_000),
  }).spawn();
  const writing = input === undefined
    ? Promise.resolve()
    : (typeof input === "string" ? new Blob([input]).stream() : input).pipeTo(child.stdin);
  // psql stops reading at the first error: then its stderr has the better message.
  const [output] = await Promise.all([child.output(), writing.catch(() => undefined)]);
  const errors = new TextDecoder().decode(output.stderr);
  assert(output.success, `docker ${args[0]}: ${errors}`);
  return { text: new TextDecoder().decode(output.stdout) };
}
