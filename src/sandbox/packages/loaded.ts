/** Asks a kernel which of the replaced packages it has imported: it keeps using the old versions until it is restarted. */
import * as z from "zod";
import { answerOf } from "../executions/answer.ts";
import type { Sandbox } from "../sandbox.ts";
import source from "./loaded.py" with { type: "text" };

const OUTPUT_BYTES = 64 * 1024;
/** A kernel that runs a cell does not answer in this time; the caller then reports without the answer. */
const ASK_MS = 2000;

const ANSWER = {
  mime: "application/vnd.omcp.loaded+json",
  characters: OUTPUT_BYTES,
  schema: z.array(z.string().max(200)).max(2000),
};

/**
 * Asks the kernel. Code in the sandbox can forge its answer.
 *
 * @param sandbox Whose kernel.
 * @param names Normalized names of packages.
 * @param signal Ends the wait.
 * @returns Those of the names that have an imported module; undefined if the kernel did not answer.
 */
export async function loadedPackages(
  sandbox: Pick<Sandbox, "execute">,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  try {
    const outcome = await sandbox.execute(`NAMES = ${JSON.stringify(names)}\n${source}`, {
      timeoutMs: ASK_MS,
      outputBytes: OUTPUT_BYTES,
      silent: true,
      signal,
    });
    const answer = answerOf(outcome.outputs, ANSWER);
    const loaded = new Set(answer);
    return answer === undefined ? undefined : names.filter((name) => loaded.has(name));
  } catch {
    // A busy or dead kernel.
    return undefined;
  }
}
