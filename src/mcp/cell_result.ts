/** A cell's outcome as a tool result: text that a model reads well, images, and everything as structured content. */
import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/server";
import type { CellOutcome, CellOutput, MimeBundle } from "../sandbox/cell.ts";
import { IMAGE_TYPES, imageBase64 } from "./image.ts";
import { readableBytes, showable } from "./text.ts";
import { TextBudget } from "./text_budget.ts";

/**
 * @param sandboxId The sandbox's handle.
 * @param whole What came of the cell.
 * @param textCharacters How much of its values, displays and tracebacks may be shown.
 * @returns An error result (`isError`) for anything but status `ok`.
 */
export function cellResult(sandboxId: string, whole: CellOutcome, textCharacters: number): CallToolResult {
  const images: ContentBlock[] = [];
  const budget = new TextBudget(textCharacters);
  const outcome = { ...whole, outputs: whole.outputs.map((output) => budget.bound(output)) };
  const cut = truncations(outcome, budget);
  const outputs = outcome.outputs.map((output) => structuredOutput(output, images));
  const text = [
    ...outcome.outputs.map(outputText).filter((part) => part !== ""),
    ...notes(outcome, cut, images.length),
  ].join("\n");
  return {
    content: [{ type: "text", text }, ...images],
    structuredContent: {
      sandbox_id: sandboxId,
      status: outcome.status,
      kernel: outcome.kernel,
      execution_count: outcome.execution_count ?? null,
      elapsed_ms: Math.round(outcome.elapsed_ms),
      outputs,
      truncated: cut.length > 0,
      output_totals: outcome.output,
      background_processes: outcome.background_processes,
      ...(outcome.died ? { died: outcome.died } : {}),
    },
    ...(outcome.status === "ok" ? {} : { isError: true }),
  };
}

function structuredOutput(output: CellOutput, images: ContentBlock[]): Record<string, unknown> {
  switch (output.type) {
    case "stream":
      return { ...output, text: showable(output.text) };
    case "error":
      return {
        type: "error",
        name: showable(output.name),
        value: showable(output.value),
        traceback: showable(output.traceback),
      };
    default: {
      const data: Record<string, unknown> = {};
      for (const [mime, value] of Object.entries(output.data)) {
        data[mime] = typeof value === "string" ? showable(value) : value;
      }
      for (const mimeType of IMAGE_TYPES) {
        const image = output.data[mimeType];
        if (typeof image !== "string") continue;
        const base64 = imageBase64(mimeType, image);
        if (base64 === undefined) {
          data[mimeType] = `[left out: no ${mimeType} in base64]`;
          continue;
        }
        // The picture itself stands once, as image content; here only where (the text block is number 0).
        data[mimeType] = { content_index: images.length + 1, base64_characters: base64.length };
        images.push({ type: "image", data: base64, mimeType });
      }
      return { type: output.type, data };
    }
  }
}

function outputText(output: CellOutput): string {
  switch (output.type) {
    case "stream":
      return `[${output.name}]\n${showable(output.text).replace(/\n$/, "")}`;
    case "error":
      return `[error] ${showable(output.traceback).trimEnd()}`;
    case "display":
      return `[display] ${bundleText(output.data)}`;
    case "result":
      return `[value]\n${bundleText(output.data)}`;
  }
}

/** The representation a model reads best. */
function bundleText(data: MimeBundle): string {
  for (const mime of ["text/markdown", "text/latex", "text/plain", "application/json"]) {
    const value = data[mime];
    if (typeof value === "string") return showable(value);
    if (value !== undefined) return JSON.stringify(value);
  }
  return Object.keys(data).join(", ");
}

function notes(outcome: CellOutcome, cut: readonly string[], images: number): string[] {
  const found = [...cut];
  if (images > 0) found.push(`${images} image${images === 1 ? "" : "s"} attached`);
  if (outcome.background_processes > 0) {
    found.push(
      `${outcome.background_processes} process(es) still run in the background and end at this cell's deadline`,
    );
  }
  found.push(statusNote(outcome));
  return found.map((note) => `[${note}]`);
}

/** What was cut, how much there was. */
function truncations(outcome: CellOutcome, budget: TextBudget): string[] {
  const cut: string[] = [];
  for (const name of ["stdout", "stderr"] as const) {
    const { bytes, kept } = outcome.output[name];
    if (kept < bytes) {
      cut.push(
        `${name} truncated: ${readableBytes(kept)} shown of ${
          readableBytes(bytes)
        }; write large output to a file in /workspace instead`,
      );
    }
  }
  if (budget.cut > 0) {
    cut.push(
      `values and tracebacks truncated: ${budget.all - budget.cut} characters shown of ${budget.all}; ` +
        "print or display the part that matters",
    );
  }
  const { count, kept } = outcome.output.displays;
  if (kept < count) cut.push(`displays truncated: ${kept} shown of ${count}`);
  return cut;
}

function statusNote(outcome: CellOutcome): string {
  const seconds = `${(outcome.elapsed_ms / 1000).toFixed(outcome.elapsed_ms < 1000 ? 3 : 1)} s`;
  const state = {
    kept: "variables are kept",
    restarted: "the kernel was restarted: variables are lost, files in /workspace remain",
    recovering:
      "the kernel has not stopped yet and is being replaced: variables are most likely lost, files in /workspace remain",
    unavailable: "the kernel could not be restarted: remove this sandbox and create another",
  }[outcome.kernel];
  switch (outcome.status) {
    case "ok":
      return `ok, ${seconds}`;
    case "error":
      return `error, ${seconds}; ${state}`;
    case "timeout":
      return `timeout after ${seconds}; ${state}. Make the work smaller, or pass a longer timeout`;
    case "interrupted":
      return `interrupted after ${seconds}; ${state}`;
    case "kernel_died":
      return `the Python process ended (${death(outcome)}) after ${seconds}; ${state}`;
  }
}

function death(outcome: CellOutcome): string {
  const { died } = outcome;
  if (died?.oom === true) return "out_of_memory: the sandbox's memory limit was met";
  if (died?.signal) return `killed by ${showable(died.signal)}`;
  if (typeof died?.exit_code === "number") return `exit code ${died.exit_code}`;
  return "cause unknown";
}
