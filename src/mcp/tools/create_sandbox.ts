import * as z from "zod";
import { readableDuration } from "../../lib/duration.ts";
import { logger, logStep } from "../../observability/log.ts";
import {
  type CreateOptions,
  type Eviction,
  type ExecutionRun,
  MAX_REQUIREMENT_CHARACTERS,
  MAX_REQUIREMENTS,
  parseRequirements,
  resourceBounds,
  type Sandbox,
  sizedPolicy,
} from "../../sandbox/mod.ts";
import { answerWithin, isConnectionEnd } from "../answer_within.ts";
import { pathSchema } from "../file_path.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { addContent, type FirstContent, firstContent, MAX_FIRST_FILES } from "../first_content.ts";
import { askedPhrases, sandboxView } from "../sandbox_view.ts";
import { defineTool, type Tool, type ToolContext } from "../tool.ts";
import {
  databaseSentence,
  datasetSentence,
  type QuotedSettings,
  type ToolVariant,
  variantCdm,
} from "../variant.ts";

const log = logger("mcp");

/** Longer than the deadline of a container's creation, which has a more precise error. */
const TIMEOUT_MS = 65_000;
const MIB = 1024 * 1024;

const firstFile = z.strictObject({
  path: pathSchema("Relative to /workspace."),
  text: z.string().optional().describe("The content. Pass either text or base64."),
  base64: z.string().optional(),
});

/** Arguments that a server may not offer, and why. */
const NOT_OFFERED = new Map([
  ["image", "the operator allows no other image"],
  ["packages", "the operator allows no packages"],
]);

/** Arguments that only some servers offer, so that they are not in the type of the schema below. */
const offeredByChoice = z.object({ image: z.string().optional(), packages: z.array(z.string()).optional() });

/** The arguments, within what the operator allows. */
function createInput({ toolsets }: ToolVariant, settings: QuotedSettings) {
  const { idleMs, lifetimeMs, memoryBytes, memoryMaxBytes = memoryBytes, cpus, cpusMax = cpus, waitMs } =
    settings;
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
    files: z.array(firstFile).max(MAX_FIRST_FILES).optional().describe("Files to write into /workspace."),
    wait: z.number().min(0).optional().describe(
      `Seconds to wait for the result, at most ${waitMs / 1000}. Default: ${waitMs / 1000}.`,
    ),
    // Offered only if there is something to choose: a description costs the model's attention.
    ...(toolsets.includes("packages")
      ? {
        packages: z.array(z.string().min(1).max(MAX_REQUIREMENT_CHARACTERS)).max(MAX_REQUIREMENTS).optional()
          .describe("Packages to install, as for install_package."),
      }
      : {}),
    ...(settings.images.length === 0 ? {} : {
      image: z.enum(images).optional().describe(
        "Container image. Default: the server's own, with the libraries above.",
      ),
    }),
  });
}

/** Creates a sandbox. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: (variant, settings) => ({
    name: "create_sandbox",
    title: "Create a Python sandbox",
    description:
      "Creates an isolated Python sandbox and returns its sandbox_id, which the other tools take. " +
      `${
        databaseSentence(variantCdm(variant, settings), variant.toolsets.includes("omop"))
      } Variables, imports and files in /workspace last until the sandbox is removed. ` +
      datasetSentence(settings.datasets) +
      `There is no network; ${
        variant.toolsets.includes("packages") ? "install_package adds packages" : "nothing can be installed"
      }. Present: numpy, pandas, polars, pyarrow, duckdb, scipy, scikit-learn, ` +
      `xgboost, lightgbm, statsmodels, lifelines, tableone, matplotlib, seaborn, plotly, altair${
        variant.disclosure === "open" ? ", SQLAlchemy, psycopg" : ""
      }.`,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input: createInput(variant, settings),
    renamed: { timeout: "idle_timeout", memory: "memory_mb", cpu: "cpus" },
    unknownArgument: (name) => NOT_OFFERED.get(name),
  }),
  async handle({ idle_timeout, memory_mb, cpus, files, wait, ...rest }, context) {
    const { image, packages } = offeredByChoice.parse(rest);
    const content = firstContent({ files, packages }, context.services.packages);
    const options: CreateOptions = {
      ...(idle_timeout === undefined ? {} : { idleMs: idle_timeout * 1000 }),
      ...(memory_mb === undefined ? {} : { memoryBytes: memory_mb * MIB }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(image === undefined ? {} : { image }),
    };
    let created: Sandbox | undefined;
    try {
      return await answerWithin(context, {
        sandbox: undefined,
        tool: "create_sandbox",
        source: sourceOf(content),
        timeoutMs: TIMEOUT_MS + content.timeoutMs,
        ...(content.packages.length === 0
          ? {}
          : { packages: parseRequirements(content.packages).map(({ name }) => name) }),
        work: async (run) => {
          const { sandbox, text } = await create(context, run, options, content);
          created = sandbox;
          return { kind: "text", text };
        },
      }, { wait });
    } catch (error) {
      // If the client cancelled just after the creation, nobody knows the sandbox's handle.
      const { aborted, reason } = context.signal;
      if (aborted && !isConnectionEnd(reason)) created?.remove("removed", "its creation was cancelled");
      throw error;
    }
  },
});

/** The line for the audit and lists: what is created, with which content. */
function sourceOf({ files, packages }: FirstContent): string {
  return [
    "create_sandbox",
    ...(files.length === 0 ? [] : [`files ${files.map(({ path }) => shownPath(path)).join(", ")}`]),
    ...(packages.length === 0 ? [] : [`packages ${packages.join(", ")}`]),
  ].join(" ");
}

async function create(
  context: ToolContext,
  run: ExecutionRun,
  options: CreateOptions,
  content: FirstContent,
): Promise<{ readonly sandbox: Sandbox; readonly text: string }> {
  const { sandboxes, cdm, hasOmopTools: hasTools = true, packages: installer } = context.services;
  run.progress("creating the sandbox");
  const start = performance.now();
  let evicted: Eviction | undefined;
  let contentLines: readonly string[] = [];
  const sandbox = await logStep(log, "Create a sandbox", () =>
    sandboxes.create({
      owner: context.principal.id,
      signal: run.signal,
      onEvict: (eviction) => {
        evicted = eviction;
        run.progress(`making room: ${madeRoom(eviction)}`);
      },
      prepare: async (created, signal) => {
        contentLines = await addContent(created, content, {
          installer,
          signal,
          progress: (message) => run.progress(message),
        });
      },
      ...options,
    }));
  context.note({ sandbox: sandbox.id });
  const view = sandboxView(sandbox.info());
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const asked = askedPhrases(view).join(", ");
  const text = [
    `Created sandbox ${sandbox.id} in ${seconds} s${asked === "" ? "" : ` with ${asked}`}`,
    `Pass it as sandbox_id. The server removes it after ${view.idle_timeout} s without a call, and at ${view.ends_at} in any case. ${
      databaseSentence(cdm, hasTools)
    }`,
    ...contentLines,
    ...(evicted === undefined
      ? []
      : [`To make room, ${madeRoom(evicted)}. Its variables and files are gone.`]),
  ].join("\n");
  return { sandbox, text };
}

function madeRoom({ sandboxId, unusedMs }: Eviction): string {
  return `sandbox ${sandboxId} was removed after ${readableDuration(unusedMs)} without a call`;
}
