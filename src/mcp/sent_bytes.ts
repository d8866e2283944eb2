import { utf8Bytes } from "../lib/bytes.ts";
import type { ExecutionOutcome } from "../sandbox/mod.ts";

/**
 * How much of what a cell printed has arrived: `output` of its outcome has how much there was.
 *
 * @param outcome The cell's outcome.
 * @param name The stream.
 * @returns Bytes of UTF-8, without those that an earlier cell printed late.
 */
export function sentBytes({ outputs }: Pick<ExecutionOutcome, "outputs">, name: "stdout" | "stderr"): number {
  return outputs.reduce(
    (sum, output) =>
      output.type === "stream" && output.name === name && output.late !== true
        ? sum + utf8Bytes(output.text)
        : sum,
    0,
  );
}
