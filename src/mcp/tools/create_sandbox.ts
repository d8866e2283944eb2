import * as z from "zod";
import type { SandboxManager } from "../../sandbox/manager.ts";
import { textResult } from "../results.ts";
import { sandboxView } from "../sandbox_view.ts";
import { defineTool, type Tool } from "../tool.ts";

/**
 * The tool that makes a sandbox.
 *
 * @param sandboxes Where sandboxes live.
 * @param about A sentence on the database that a sandbox reaches.
 */
export function createSandboxTool(sandboxes: SandboxManager, about: string): Tool {
  return defineTool({
    name: "create_sandbox",
    title: "Create a Python sandbox",
    description:
      `Creates an isolated Python sandbox and returns its sandbox_id, which the other tools take. ${about} Variables, imports and files in ` +
      "/workspace last until it is removed. There is no network, so nothing can be installed; it has numpy, pandas, polars, pyarrow, duckdb, " +
      "scipy, scikit-learn, xgboost, lightgbm, statsmodels, lifelines, tableone, matplotlib, seaborn, plotly, altair, SQLAlchemy, psycopg.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({
      timeout: z.number().int().min(10).max(604_800).optional().describe(
        "Seconds without a call after which the sandbox is removed. Default: the server's setting.",
      ),
    }),
    async run({ timeout }, call) {
      call.progress("creating the sandbox");
      const start = performance.now();
      const sandbox = await sandboxes.create({
        signal: call.signal,
        ...(timeout === undefined ? {} : { idleMs: timeout * 1000 }),
      });
      const view = sandboxView(sandbox.info());
      return textResult(
        `Created sandbox ${sandbox.id} in ${((performance.now() - start) / 1000).toFixed(2)} s\n` +
          `Pass it as sandbox_id. It is removed after ${view.timeout} s without a call, at the latest at ${view.ends_at}. ${about}`,
      );
    },
  });
}
