/** Peers that are MCP servers, driven by the same client over stdio as ours. */
import { fileURLToPath } from "node:url";
import { connectCommand, type ConnectedServer, inheritedVariables } from "../../../src/cli/demo/client.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free_port.ts";
import { programOutput } from "../../fixtures/program_output.ts";
import { repeated } from "../stats.ts";
import type { PeerFigures } from "./peer.ts";
import type { Venv } from "./venv.ts";

const START_MS = 60_000;

async function call(server: ConnectedServer, name: string, input: Record<string, unknown>): Promise<void> {
  const { isError, content } = await server.client.callTool({ name, arguments: input }, {
    timeout: START_MS,
  });
  const [first] = content;
  const text = first?.type === "text" ? first.text : "";
  if (isError === true || /exit_code": [1-9]|failed/i.test(text)) throw new Error(`${name} failed: ${text}`);
}

/**
 * jupyter-mcp-server, beside a Jupyter server of its own.
 *
 * @param venv Its packages.
 * @param cells How many cells.
 */
export async function measureJupyterMcp(venv: Venv, cells: number): Promise<PeerFigures> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-peer-" });
  const token = crypto.randomUUID();
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const jupyter = new Deno.Command(`${venv.bin}/jupyter`, {
    args: [
      ...["server", "--no-browser", "--allow-root", `--ServerApp.port=${port}`],
      ...[`--IdentityProvider.token=${token}`, `--ServerApp.root_dir=${folder}`],
    ],
    cwd: folder,
    env: { HOME: folder },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let server: ConnectedServer | undefined;
  try {
    await isUp(`${url}/api?token=${token}`);
    server = await connectCommand({
      command: `${venv.bin}/jupyter-mcp-server`,
      args: [
        ...["start", "--transport", "stdio", "--jupyter-url", url, "--jupyter-token", token],
        ...["--start-new-code-sandbox", "true"],
      ],
      cwd: folder,
      env: { ...inheritedVariables(), HOME: folder },
      stderr: "ignore",
      startDeadlineMs: START_MS,
    });
    const connected = server;
    const notebook = (number: number) =>
      call(connected, "use_notebook", {
        notebook_name: `n${number}`,
        notebook_path: `n${number}.ipynb`,
        mode: "create",
      });
    const cell = () => call(connected, "execute_code", { code: "1" });
    let number = 0;
    const created = await repeated(3, async () => {
      number += 1;
      await notebook(number);
      await cell();
    });
    return { created, cell: await repeated(cells, cell) };
  } finally {
    await server?.close();
    jupyter.kill("SIGTERM");
    await jupyter.status;
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * llm-sandbox's MCP server. Each call is a new container, which it removes before it answers.
 *
 * @param venv Its packages.
 * @param image The containers' image, in place of its own, which cannot be pulled everywhere.
 * @param rounds How many calls.
 */
export async function measureLlmSandboxMcp(
  venv: Venv,
  image: string,
  rounds: number,
): Promise<PeerFigures> {
  const server = await connectCommand({
    command: `${venv.bin}/python`,
    args: [fileURLToPath(new URL("llm_sandbox_mcp.py", import.meta.url)), image],
    stderr: "ignore",
    env: inheritedVariables(),
    startDeadlineMs: START_MS,
  });
  try {
    const run = () => call(server, "execute_code", { code: "print(1)", language: "python" });
    return { created: await repeated(rounds, run) };
  } finally {
    await server.close();
  }
}

/**
 * mcp-run-python: Pyodide in Deno. Each call is a new interpreter.
 *
 * @param venv Its packages.
 * @param rounds How many calls.
 */
export async function measureMcpRunPython(venv: Venv, rounds: number): Promise<PeerFigures> {
  await Deno.symlink(Deno.execPath(), `${venv.bin}/deno`);
  const path = `${venv.bin}:${Deno.env.get("PATH")}`;
  // The server itself would end without a word of why.
  const { code, stderr } = await programOutput("env", [
    ...[`PATH=${path}`, `${venv.bin}/mcp-run-python`, "example"],
  ]);
  if (code !== 0) throw new Error(stderr);
  const server = await connectCommand({
    command: `${venv.bin}/mcp-run-python`,
    args: ["stdio"],
    env: { ...inheritedVariables(), PATH: path },
    stderr: "ignore",
    startDeadlineMs: START_MS,
  });
  try {
    const run = () => call(server, "run_python_code", { python_code: "1" });
    return { created: await repeated(rounds, run) };
  } finally {
    await server.close();
  }
}

async function isUp(url: string): Promise<void> {
  await eventually(
    async () => {
      const found = await fetch(url).catch(() => undefined);
      await found?.body?.cancel();
      return found?.ok === true;
    },
    "Jupyter's server starts",
    START_MS,
  );
}
