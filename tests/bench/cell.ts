/** How long a trivial cell takes in a warm sandbox, over the bare channel, over `docker exec`, and through MCP. */
import { sandboxIdIn } from "../../src/cli/demo/client.ts";
import { benchCellCosts } from "./cell_costs.ts";
import { Exec } from "./exec.ts";
import type { Report } from "./report.ts";
import { type OpenSandbox, type Rig, runCell } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { interleaved, percentile, summarize, timed } from "./stats.ts";

const ROUNDS = 200;
const EXEC_ROUNDS = 7;
const MCP_ROUNDS = 500;
const WARM_UP = 20;
/** Above this it is a defect, in milliseconds. */
const CELL_MS_MAX = 10;

const CHANNEL = "floor: bare channel round trip (`status`)";
const EXEC = "floor: docker exec python3 -c pass";
const CELL = "cell `1` in a warm sandbox";
const MCP = "floor: a call that reaches no sandbox (`list_sandboxes`)";

/**
 * Measures a trivial cell.
 *
 * @param rig The bench's engine and server parts.
 * @param opened A warm sandbox.
 * @param report Receives the figures.
 */
export async function benchCell(rig: Rig, opened: OpenSandbox, report: Report): Promise<void> {
  const { sandbox, channel, id } = opened;
  const actions = {
    channel: () => timed(() => channel.request("status", {}, { deadlineMs: 5000 })),
    cell: () => timed(() => runCell(sandbox, "1")),
  };
  await interleaved(WARM_UP, actions);
  const near = await interleaved(ROUNDS, actions);
  using exec = new Exec(rig.engine);
  const apart = await interleaved(EXEC_ROUNDS, {
    exec: () => timed(() => exec.run(id, ["python3", "-c", "pass"])),
  });
  const far = await throughMcp(rig, report);
  const cell = near.get("cell") ?? [];
  const mcpCell = far.get("cell") ?? [];
  report.table("Trivial cell, within the server", [
    { name: CHANNEL, figures: near.get("channel") ?? [] },
    { name: EXEC, figures: apart.get("exec") ?? [] },
    { name: CELL, figures: cell, over: [CHANNEL, EXEC] },
  ]);
  report.table("Trivial cell, through MCP over stdio", [
    { name: MCP, figures: far.get("list") ?? [] },
    { name: CELL, figures: mcpCell, over: [MCP] },
  ]);
  report.line(`  p99 of the cell: ${percentile(mcpCell, 0.99).toFixed(2)} ms`);
  for (const [name, figures] of [["", cell], [" through MCP", mcpCell]] as const) {
    const { median } = summarize(figures);
    report.defectIf(
      median > CELL_MS_MAX,
      `trivial cell${name} above ${CELL_MS_MAX} ms (${median.toFixed(1)} ms)`,
    );
  }
}

async function throughMcp(rig: Rig, report: Report): Promise<ReadonlyMap<string, number[]>> {
  const server = await connectBenchServer(rig, { OMCP_POOL_SIZE: "0" });
  try {
    const { text } = await server.call("create_sandbox", {});
    const sandbox = sandboxIdIn(text);
    await rig.adopt(sandbox);
    const actions = {
      list: () => timed(() => server.call("list_sandboxes", {})),
      cell: () =>
        timed(async () => {
          const reply = await server.call("execute_python_code", { sandbox_id: sandbox, code: "1" });
          if (reply.isError) throw new Error(`A cell through MCP failed: ${reply.text}`);
        }),
    };
    await interleaved(WARM_UP, actions);
    const figures = await interleaved(MCP_ROUNDS, actions);
    await benchCellCosts(server, sandbox, report);
    return figures;
  } finally {
    await server.close();
  }
}
