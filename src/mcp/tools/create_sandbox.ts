import * as z from "zod";
import { readableDuration } from "../../lib/duration.ts";
import { logger, logStep } from "../../observability/log.ts";
import {
  type CreateOptions,
  type Eviction,
  type ExecutionRun,
  resourceBounds,
  sizedPolicy,
} from "../../sandbox/mod.ts";
import { answerWithin } from "../answer_within.ts";
import { askedPhrases, sandboxView } from "../sandbox_view.ts";
import { defineTool, type Tool, type ToolContext } from "../tool.ts";
import { databaseSentence, datasetSentence, type QuotedSettings, variantCdm } from "../variant.ts";

const log = logger("mcp");

/** Longer than a creation may take: it ends at its own deadline, with a better error. */
const TIMEOUT_MS = 65_000;
const MIB = 1024 * 1024;

/** The arguments, within what the operator allows. */
function createInput(settings: QuotedSettings) {
  const { idleMs, lifetimeMs, memoryBytes, memoryMaxBytes = memoryBytes, cpus, cpusMax = cpus } = settings;
  const bounds = resourceBounds(sizedPolicy(settings), { memoryBytes: memoryMaxBytes, cpus: cpusMax });
  const images = [settings.image ?? [], settings.images].flat();
  return z.strictObject({
    idle_timeout: z.number().int().min(10).max(lifetimeMs / 1000).optional().describe(
      `Seconds without a call after which the server removes the sandbox, at most ${
        lifetimeMs / 1000
      }. Default: ${idleMs / 1000}.`,
    ),
    memory_mb: z.number().int().min(bounds.memoryMib.least).max(bounds.memoryMib.most).optional().describe(
      `Memory in MiB, its files included: the file systems grow and shrink with it. At most ${bounds.memoryMib.most}. Default: ${
        memoryBytes / MIB
      }.`,
    ),
    cpus: z.number().min(bounds.cpus.least).max(bounds.cpus.most).optional().describe(
      `Processor time in cores, such as 0.5; at most ${bounds.cpus.most}. Default: ${cpus}.`,
    ),
    // Without a choice, the argument would only cost words.
    ...(settings.images.length === 0 ? {} : {
      image: z.enum(images).optional().describe(
        "Container image. Default: the server's own, with the libraries above.",
      ),
    }),
  });
}

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
      `There is no network; ${
        variant.toolsets.includes("packages") ? "install_package adds packages" : "nothing can be installed"
      }. Present: numpy, pandas, polars, pyarrow, duckdb, scipy, scikit-learn, ` +
      "xgboost, lightgbm, statsmodels, lifelines, tableone, matplotlib, seaborn, plotly, altair, SQLAlchemy, psycopg.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input: createInput(settings),
    renamed: { timeout: "idle_timeout", memory: "memory_mb", cpu: "cpus" },
    unknownArgument: (name) => name === "image" ? "the operator allows no other image" : undefined,
  }),
  async handle({ idle_timeout, memory_mb, cpus, image }, context) {
    const options = {
      ...(idle_timeout === undefined ? {} : { idleMs: idle_timeout * 1000 }),
      ...(memory_mb === undefined ? {} : { memoryBytes: memory_mb * MIB }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(typeof image === "string" ? { image } : {}),
    };
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
  options: CreateOptions,
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
  const asked = askedPhrases(view).join(", ");
  return `Created sandbox ${sandbox.id} in ${seconds} s${asked === "" ? "" : ` with ${asked}`}\n` +
    `Pass it as sandbox_id. The server removes it after ${view.idle_timeout} s without a call, and at ${view.ends_at} in any case. ` +
    databaseSentence(cdm) + room;
}

function madeRoom({ sandboxId, unusedMs }: Eviction): string {
  return `sandbox ${sandboxId} was removed after ${readableDuration(unusedMs)} without a call`;
}
