import { leaveResult, type Leaving } from "../cdm/analyses/mod.ts";
import type { AnalysisResult } from "../omop/analyses/mod.ts";
import type { Sandbox } from "../sandbox/mod.ts";
import { describeAnalysis } from "./analysis_text.ts";

/**
 * Leaves a result in a sandbox, where the caller names one, and describes it.
 *
 * @param result The result.
 * @param sandbox The sandbox; undefined: the result is only described.
 * @param leaving Where in it.
 * @throws {OmcpError} As {@link leaveResult}.
 */
export async function analysisAnswer(
  result: AnalysisResult,
  sandbox: Sandbox | undefined,
  leaving: Leaving,
): Promise<{ readonly kind: "text"; readonly text: string }> {
  if (sandbox === undefined) return { kind: "text", text: describeAnalysis(result, undefined) };
  leaving.run.progress("leaving the numbers in the sandbox");
  const left = await leaveResult(sandbox, result, leaving);
  return { kind: "text", text: describeAnalysis(result, { into: leaving.into, ...left }) };
}
