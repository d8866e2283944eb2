/** Outputs of an execution as outputs of a notebook's cell. Unlike in a tool's result, nothing is escaped or cut further. */
import type { ExecutionOutput, MimeBundle } from "../../agent_protocol/messages/mod.ts";
import { readableBytes } from "../../lib/text.ts";
import { parsedJson } from "../../lib/parsed_json.ts";
import { linesOf, type MimeData, type NotebookOutput } from "./format.ts";

/** MIME types whose value nbformat holds as JSON. */
const JSON_TYPE = /^application\/(?:.*\+)?json$/;

/**
 * Writes an output.
 *
 * @param output The output.
 * @param executionCount The number of the cell, `In[…]`; null if it is unknown.
 */
export function notebookOutput(output: ExecutionOutput, executionCount: number | null): NotebookOutput {
  switch (output.type) {
    case "stream": {
      const { name, text, skipped = 0, late = false } = output;
      const gap = skipped === 0 ? "" : `\n[… ${readableBytes(skipped)} left out …]\n`;
      const label = late ? "[printed after the cell before this one]\n" : "";
      return { output_type: "stream", name, text: linesOf(`${label}${gap}${text}`) };
    }
    case "display_data":
      return { output_type: "display_data", data: mimeData(output.data), metadata: {} };
    case "execute_result":
      return {
        output_type: "execute_result",
        data: mimeData(output.data),
        metadata: {},
        execution_count: executionCount,
      };
    case "error": {
      const { ename, evalue, traceback, note = false } = output;
      // An error that did not end the cell is text in Jupyter, too.
      if (note) return { output_type: "stream", name: "stderr", text: linesOf(`${traceback.trimEnd()}\n`) };
      return {
        output_type: "error",
        ename: ename.toWellFormed(),
        evalue: evalue.toWellFormed(),
        traceback: traceback.trimEnd().toWellFormed().split("\n"),
      };
    }
  }
}

/**
 * A remark of ours as an output: it disappears when the cell runs again, and then is not true any more.
 *
 * @param remarks Sentences.
 */
export function remarkOutput(remarks: readonly string[]): NotebookOutput {
  return {
    output_type: "display_data",
    data: { "text/plain": linesOf(remarks.map((remark) => `[${remark}]`).join("\n")) },
    metadata: { omcp: "remark" },
  };
}

/** The representations; one of a JSON type that is not JSON is left out, because the format does not allow it. */
function mimeData(bundle: MimeBundle): MimeData {
  return Object.fromEntries(
    Object.entries(bundle).flatMap(([type, text]) => {
      if (!JSON_TYPE.test(type)) return [[type, text.toWellFormed()] as const];
      const value = parsedJson(text);
      return value === undefined ? [] : [[type, value] as const];
    }),
  );
}
