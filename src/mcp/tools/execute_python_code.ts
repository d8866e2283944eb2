import * as z from "zod";
import {
  codeBytes,
  environmentSchema,
  type ExecutionOutput,
  MAX_CODE_BYTES,
  workingFolderSchema,
} from "../../agent_protocol/messages/mod.ts";
import { shownPath } from "../../lib/shown_path.ts";
import { answerWithin } from "../answer_within.ts";
import { contextArgument, inContext } from "../context_argument.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Runs a cell. */
export const tool: Tool = defineTool({
  toolset: "core",
  define: ({ toolsets }, { waitMs, cellTimeoutMs, cellTimeoutMaxMs }) => ({
    name: "execute_python_code",
    title: "Run Python code",
    description:
      "Runs Python in a sandbox, as a cell of a Jupyter notebook: variables stay for the next cell; the result has printed text, the last " +
      "expression's value and figures (as images and in words); top-level await and magics work. The last line of the result is the status. A cell " +
      `that still runs after ${
        waitMs / 1000
      } s goes on: the answer has an execution_id for get_execution. A cell that exceeds its timeout is ` +
      "interrupted; the result says whether variables were kept. There is no network and no standard input." +
      (toolsets.includes("omop")
        ? " `import omcp` asks the same from code: omcp.query, omcp.concepts and others; help(omcp) explains."
        : ""),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      code: z.string().refine(
        (code) => codeBytes(code) <= MAX_CODE_BYTES,
        `must have at most ${MAX_CODE_BYTES} bytes in UTF-8`,
      ).describe(
        "Python source, one or more lines, at most 1 MiB in UTF-8; IPython magics work.",
      ),
      timeout: z.number().min(0.1).max(cellTimeoutMaxMs / 1000).optional().describe(
        `Seconds the cell may take, at most ${cellTimeoutMaxMs / 1000}. Default: ${cellTimeoutMs / 1000}.`,
      ),
      wait: z.number().min(0).optional().describe(
        `Seconds to wait for the result, at most ${
          waitMs / 1000
        }; 0 runs the cell in the background. Default: ${waitMs / 1000}.`,
      ),
      env: environmentSchema.optional().describe(
        "Environment variables for this cell only: names and texts.",
      ),
      context: contextArgument(
        "Interpreter of the sandbox with variables of its own, created on first use, at most 8; cells of different ones run at the same time.",
      ),
      cwd: workingFolderSchema.optional().describe(
        "Working folder for this cell only; a relative one is under /workspace.",
      ),
    }),
  }),
  async handle({ sandbox_id, code, timeout, wait, env, cwd, context: name }, context) {
    const { sandboxes, limits } = context.services;
    const timeoutMs = timeout === undefined ? limits.cellTimeoutMs : Math.round(timeout * 1000);
    const sandbox = sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "execute_python_code",
      source: code,
      timeoutMs,
      usesKernel: true,
      ...inContext(name),
      notebook: { code, ...conditions(env, cwd) },
      work: async (run) => ({
        kind: "cell",
        outcome: await sandbox.execute(code, {
          timeoutMs,
          outputBytes: limits.outputBytes,
          id: run.id,
          signal: run.signal,
          log: run.log,
          onWaiting: () => run.queued(),
          onStarted: () => run.started(),
          onOutput: (output) => run.progress(latest(output)),
          ...(env === undefined ? {} : { env }),
          ...(cwd === undefined ? {} : { cwd }),
          ...inContext(name),
        }),
      }),
    }, { wait });
  },
});

/** What a notebook says of the cell's environment. It has no values, which may be secrets. */
function conditions(
  env: Readonly<Record<string, string>> = {},
  cwd: string | undefined,
): { readonly note?: string } {
  const names = Object.keys(env);
  const parts = [
    ...(cwd === undefined ? [] : [`in the folder ${shownPath(cwd)}`]),
    ...(names.length === 0 ? [] : [`with the environment variables ${names.join(", ")}`]),
  ];
  return parts.length === 0 ? {} : { note: `This ran ${parts.join(" and ")}.` };
}

/** An output in one line, for a progress notification. */
function latest(output: ExecutionOutput): string {
  switch (output.type) {
    case "stream": {
      const text = output.text.trimEnd();
      return text.slice(text.lastIndexOf("\n") + 1);
    }
    case "error":
      return `${output.ename}: ${output.evalue}`;
    default:
      return "running (an output was shown)";
  }
}
