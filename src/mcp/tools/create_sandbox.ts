import * as z from "zod";
import { readableDuration } from "../../lib/duration.ts";
import { logger, logStep } from "../../observability/log.ts";
import type { Eviction, ExecutionRun } from "../../sandbox/mod.ts";
import { answerWithin } from "../answer_within.ts";
import { sandboxView } from "../sandbox_view.ts";
import { defineTool, type Tool, type ToolContext } from "../tool.ts";
import { databaseSentence, datasetSentence, variantCdm } from "../variant.ts";

const log = logger("mcp");

/** Longer than a creation may take: it ends at its own deadline, with a better error. */
const TIMEOUT_MS = 65_000;

/** Creates a sandbox. */
export const tool: Tool = defineTool({
  toolset: "sandbox",
  define: (variant, settings) => ({
    name: "create_sandbox",
    title: "Create a Python sandbox",
    description:
      "Creates an isolated Python sandbox and returns its sandbox_id, which the other tools take. " +
      `${
        databaseSentence(variantCdm(variant, settings))
      } Variables, imports and files in /workspace last until the sandbox is removed. ` +
      datasetSentence(settings.datasets) +
      "There is no network, so nothing can be installed. Present: numpy, pandas, polars, pyarrow, duckdb, scipy, scikit-learn, " +
      "xgboost, lightgbm, statsmodels, lifelines, tableone, matplotlib, seaborn, plotly, altair, SQLAlchemy, psycopg.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({
      idle_timeout: z.number().int().min(10).max(settings.lifetimeMs / 1000).optional().describe(
        `Seconds without a call after which the server removes the sandbox, at most ${
          settings.lifetimeMs / 1000
        }. Default: ${settings.idleMs / 1000}.`,
      ),
    }),
    renamed: { timeout: "idle_timeout" },
  }),
  async handle({ idle_timeout }, context) {
    const options = idle_timeout === undefined ? {} : { idleMs: idle_timeout * 1000 };
    return await answerWithin(context, {
      sandbox: undefined,
      tool: "create_sandbox",
      source: "create_sandbox",
      timeoutMs: TIMEOUT_MS,
      work: async (run) => ({ kind: "text", text: await create(context, run, options) }),
    });
  },
});

async function create(
  context: ToolContext,
  run: ExecutionRun,
  options: { readonly idleMs?: number },
): Promise<string> {
  const { sandboxes, cdm } = context.services;
  run.progress("creating the sandbox");
  const start = performance.now();
  let evicted: Eviction | undefined;
  const sandbox = await logStep(log, "Create a sandbox", () =>
    sandboxes.create({
      signal: run.signal,
      onEvict: (eviction) => {
        evicted = eviction;
        run.progress(`making room: ${madeRoom(eviction)}`);
      },
      ...options,
    }));
  context.note({ sandbox: sandbox.id });
  const room = evicted === undefined
    ? ""
    : `\nTo make room, ${madeRoom(evicted)}. Its variables and files are gone.`;
  const view = sandboxView(sandbox.info());
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  return `Created sandbox ${sandbox.id} in ${seconds} s\n` +
    `Pass it as sandbox_id. The server removes it after ${view.idle_timeout} s without a call, and at ${view.ends_at} in any case. ` +
    databaseSentence(cdm) + room;
}

function madeRoom({ sandboxId, unusedMs }: Eviction): string {
  return `sandbox ${sandboxId} was removed after ${readableDuration(unusedMs)} without a call`;
}
