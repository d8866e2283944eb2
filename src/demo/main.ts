/**
 * The demo: a real MCP client starts the real server, over stdio, and does with it what an analyst's agent would do. Exits 0 only
 * if every step did what it should.
 *
 *     deno task demo [--data DIR]
 */
import { parseArgs } from "node:util";
import { Engine } from "../docker/mod.ts";
import { LABEL_INSTANCE } from "../host/mod.ts";
import { connectServer } from "./client.ts";
import { loadFolder } from "./load_folder.ts";
import { runSteps } from "./steps.ts";
import { Transcript } from "./transcript.ts";

const { values } = parseArgs({ args: Deno.args, options: { data: { type: "string" } } });

function write(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const transcript = new Transcript(write, Deno.stdout.isTerminal() && Deno.env.get("NO_COLOR") === undefined);
transcript.title("OMCP Python Sandbox: a demonstration");
const dockerHost = Deno.env.get("DOCKER_HOST");
const engine = await Engine.connect(dockerHost === undefined ? {} : { host: dockerHost });
const instance = `demo-${crypto.randomUUID()}`;
const environment: Record<string, string> = { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance };
if (values.data !== undefined) {
  await transcript.step(
    `A CDM of your own: the files of ${values.data} become a local database`,
    async () => {
      Object.assign(environment, await loadFolder(values.data ?? "", (line) => transcript.reply(line)));
    },
  );
}
const server = await connectServer(environment, { socketPath: engine.socketPath });
try {
  await runSteps(server, transcript);
} finally {
  await server.close();
}
await transcript.step(
  "Proof that nothing is left: the server has ended, and the engine has no container of it",
  async () => {
    const deadline = Date.now() + 10_000;
    let left: string[];
    do {
      left = (await engine.listContainers({ labels: { [LABEL_INSTANCE]: instance }, all: true })).map((
        { id },
      ) => id);
    } while (left.length > 0 && Date.now() < deadline);
    transcript.reply(`containers of this demo: ${left.length}`);
    if (left.length > 0) throw new Error(`${left.length} containers are left`);
  },
);
transcript.end();
Deno.exit(transcript.failures === 0 ? 0 : 1);
