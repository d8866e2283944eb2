/** Peers on the same work, on the same machine, in the same run. */
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { errorMessage } from "../../../src/lib/error_message.ts";
import { parsedJson } from "../../../src/lib/parsed_json.ts";
import { programOutput } from "../../fixtures/program_output.ts";
import { AT_ONCE, burst, cell, compileModules, create, poolIsFilled, remove } from "../calls.ts";
import { Exec } from "../exec.ts";
import type { Report, Row } from "../report.ts";
import type { Rig } from "../rig.ts";
import { connectBenchServer } from "../server.ts";
import { repeated, timed } from "../stats.ts";
import { measureJupyterMcp, measureLlmSandboxMcp, measureMcpRunPython } from "./mcp_servers.ts";
import type { PeerFigures } from "./peer.ts";
import { lastWords, makeVenv, type Venv } from "./venv.ts";

const CELLS = 200;
/** Of what starts a process in the container. */
const EXEC_CELLS = 20;
const ROUNDS = 5;
/** Of what takes ten seconds or more. */
const SLOW_ROUNDS = 3;
/** Of what takes a second or more. */
const SLOW_CELLS = 10;

const OURS = "OMCP, through MCP";

const figuresSchema = z.string().transform(parsedJson).pipe(z.strictObject({
  cell: z.array(z.number()),
  created: z.array(z.number()),
  together: z.array(z.number()),
  pooled: z.array(z.number()).exactOptional(),
}));

/** Peers that are installed from the same packages. */
interface Peer {
  /** With versions. */
  readonly packages: readonly string[];
  /** Name → measurement. */
  readonly measures: Readonly<Record<string, (venv: Venv, rig: Rig) => Promise<PeerFigures>>>;
}

const PEERS: readonly Peer[] = [
  {
    packages: ["ipykernel==7.4.0", "jupyter-client==8.10.0"],
    measures: {
      "ipykernel 7.4.0, jupyter_client 8.10.0 (no container)": (venv) =>
        runScript(venv, "jupyter_kernel.py", [], CELLS),
    },
  },
  {
    packages: ["jupyter-mcp-server==2.2.4"],
    measures: {
      "jupyter-mcp-server 2.2.4, through MCP (no container)": (venv) => measureJupyterMcp(venv, SLOW_CELLS),
    },
  },
  {
    packages: ["llm-sandbox[docker,mcp-docker]==0.3.46"],
    measures: {
      "llm-sandbox 0.3.46 on Docker, our image": (venv, { image }) =>
        runScript(venv, "llm_sandbox_sessions.py", [image], EXEC_CELLS),
      "llm-sandbox-mcp 0.3.46, our image, through MCP": (venv, { image }) =>
        measureLlmSandboxMcp(venv, image, SLOW_ROUNDS),
    },
  },
  {
    packages: ["mcp-run-python==0.0.22"],
    measures: {
      "mcp-run-python 0.0.22, through MCP": (venv) => measureMcpRunPython(venv, ROUNDS),
    },
  },
];

/** The tables, and which figure each has. */
const TABLES = [
  ["Peers: a trivial cell in what runs already", "cell"],
  ["Peers: a new sandbox and its first cell", "created"],
  ["Peers: the same with a sandbox that was started ahead", "pooled"],
  [`Peers: ${AT_ONCE} new sandboxes with a cell at once`, "together"],
] as const;

/**
 * Measures this server, then each peer that can be installed and started here.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures, and why a peer has none.
 * @param names The beginnings of the packages of those to measure. @default all
 */
export async function benchPeers(rig: Rig, report: Report, names: readonly string[] = []): Promise<void> {
  const chosen = PEERS.filter(({ packages: [first = ""] }) =>
    names.length === 0 || names.some((name) => first.startsWith(name))
  );
  if (chosen.length === 0) {
    throw new Error(`No such peer: choose from ${PEERS.map(({ packages }) => packages[0]).join(", ")}`);
  }
  const found = new Map<string, PeerFigures>();
  const missing: string[] = [];
  report.line("Peers: measuring this server, then Docker's own commands");
  found.set(OURS, await measureOurs(rig));
  found.set("docker exec of python3; docker run of it", await measureDocker(rig));
  for (const { packages, measures } of chosen) {
    report.line(`Peers: installing ${packages.join(" ")}, and measuring it`);
    const venv = await makeVenv(packages).catch((error: unknown) => lastWords(errorMessage(error)));
    try {
      for (const [name, measure] of Object.entries(measures)) {
        try {
          if (typeof venv === "string") throw new Error(venv);
          found.set(name, await measure(venv, rig));
        } catch (error) {
          missing.push(`${name}: not measured, ${lastWords(errorMessage(error))}`);
        }
      }
    } finally {
      if (typeof venv !== "string") await venv.close();
    }
  }
  for (const [title, key] of TABLES) {
    const rows = [...found].flatMap(([name, { [key]: figures }]): Row[] =>
      figures === undefined ? [] : [{ name, figures, ...(name === OURS ? {} : { over: [OURS] }) }]
    );
    report.table(title, rows);
  }
  for (const line of missing) report.line(`  ${line}`);
}

async function measureOurs(rig: Rig): Promise<PeerFigures> {
  const cold = await connectBenchServer(rig, {
    OMCP_POOL_SIZE: "0",
    OMCP_MAX_SANDBOXES: String(2 * AT_ONCE),
  });
  const warm = await connectBenchServer(rig, { OMCP_POOL_SIZE: "1" });
  try {
    await remove(warm, await create(warm));
    await compileModules(cold);
    const created: number[] = [];
    const pooled: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [server, figures] of [[cold, created], [warm, pooled]] as const) {
        await poolIsFilled(warm);
        let sandbox = "";
        figures.push(
          await timed(async () => {
            sandbox = await create(server);
            await cell(server, sandbox);
          }),
        );
        await remove(server, sandbox);
      }
    }
    const sandbox = await create(cold);
    const cells = await repeated(CELLS, () => cell(cold, sandbox));
    await remove(cold, sandbox);
    return { cell: cells, created, pooled, together: [await burst(cold)] };
  } finally {
    await Promise.all([warm.close(), cold.close()]);
  }
}

/** A second process in a container that runs, and a container for each program. */
async function measureDocker(rig: Rig): Promise<PeerFigures> {
  using exec = new Exec(rig.engine);
  const opened = await rig.manager.create();
  const program = ["python3", "-c", "1"];
  const cells = await repeated(EXEC_CELLS, () => exec.run(rig.runtime.lastId, program));
  await rig.manager.remove(opened.id);
  const run = async () => {
    const args = ["run", "--rm", "--network", "none", rig.image, ...program];
    const { code, stderr } = await programOutput("docker", args);
    if (code !== 0) throw new Error(lastWords(stderr));
  };
  const created = await repeated(ROUNDS, run);
  const together = await timed(() => Promise.all(Array.from({ length: AT_ONCE }, run)));
  return { cell: cells, created, together: [together] };
}

async function runScript(
  venv: Venv,
  name: string,
  args: readonly string[],
  cells: number,
): Promise<PeerFigures> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const counts = [cells, ROUNDS, AT_ONCE].map(String);
  return figuresSchema.parse(await venv.run("python", [script, ...args, ...counts]));
}
