/** Asks a kernel which of the replaced packages it has imported: it keeps using the old versions until it is restarted. */
import * as z from "zod";
import type { Sandbox } from "../sandbox.ts";
import source from "./loaded.py" with { type: "text" };

const MIME = "application/vnd.omcp.loaded+json";
const OUTPUT_BYTES = 64 * 1024;
/** A kernel that runs a cell does not answer in this time; the caller then reports without the answer. */
const ASK_MS = 2000;

const answerSchema = z.array(z.string().max(200)).max(2000);

/**
 * Asks the kernel. Code in the sandbox can forge its answer.
 *
 * @param sandbox Whose kernel.
 * @param names Normalized names of packages.
 * @param signal Ends the wait.
 * @returns Those of the names that have an imported module; undefined where the kernel did not answer.
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
    for (const output of outcome.outputs) {
      const text = "data" in output ? output.data[MIME] : undefined;
      if (text === undefined || text.length > OUTPUT_BYTES) continue;
      const loaded = new Set(answerSchema.parse(JSON.parse(text)));
      return names.filter((name) => loaded.has(name));
    }
  } catch {
    // A busy, dead or hostile kernel.
  }
  return undefined;
}
