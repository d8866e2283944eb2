/** Which process takes the time of a trivial cell: processor time of each, over many cells through MCP. */
import type { ConnectedServer } from "../../src/cli/demo/client.ts";
import { call, cell } from "./calls.ts";
import { TICKS_MS, usage } from "./process_usage.ts";
import type { Report } from "./report.ts";

/** So many that a tick of the processes' clocks, 10 ms, is little for one cell. */
const CELLS = 1000;
/** The processor time of the agent, PID 1 of the sandbox, and of the kernel that runs this, in ticks. */
const READ = `
for _pid in (1, "self"):
    with open(f"/proc/{_pid}/stat") as _file: print("ticks", sum(map(int, _file.read().rpartition(")")[2].split()[11:13])))
`;

/**
 * Measures the processor time of each process that takes part in a cell.
 *
 * @param server A server that nothing else uses.
 * @param sandbox_id A warm sandbox.
 * @param report Receives the figures.
 */
export async function benchCellCosts(
  server: ConnectedServer,
  sandbox_id: string,
  report: Report,
): Promise<void> {
  const before = await processorTimes(server, sandbox_id);
  const start = performance.now();
  for (let done = 0; done < CELLS; done += 1) await cell(server, sandbox_id);
  const elapsed = performance.now() - start;
  const after = await processorTimes(server, sandbox_id);
  report.table(`Trivial cell: processor time of each process, mean of ${CELLS} cells`, [
    { name: "elapsed", figures: [elapsed / CELLS] },
    ...Object.entries(after).map(([name, ms]) => ({
      name: `  ${name}`,
      figures: [(ms - (before[name] ?? 0)) / CELLS],
    })),
  ]);
}

async function processorTimes(
  server: ConnectedServer,
  sandbox_id: string,
): Promise<Readonly<Record<string, number>>> {
  const text = await call(server, "execute_python_code", { sandbox_id, code: READ });
  const [agent, kernel] = [...text.matchAll(/^ticks (\d+)$/gm)].map(([, ticks]) => Number(ticks) * TICKS_MS);
  if (agent === undefined || kernel === undefined) throw new Error(`Cannot read the times: ${text}`);
  return {
    "MCP client (this bench)": (await usage(Deno.pid)).cpuMs,
    server: (await usage(server.pid)).cpuMs,
    agent,
    kernel,
  };
}
