/** A cell's outcome as a tool result: one text that a model reads well, and the pictures. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Death, ExecutionOutput } from "../agent_protocol/messages/mod.ts";
import type { ExecutionOutcome } from "../sandbox/mod.ts";
import { bundlePicture, bundleText, type Picture } from "./bundle_text.ts";
import { fairShares, keepEnds, type Piece, utf8Bytes } from "./text_budget.ts";
import { readableBytes, showable } from "../lib/text.ts";

/** `late` is what came while no cell ran: a flood of it hides nothing of the cell. */
type Pool = "stdout" | "stderr" | "late" | "values";

/** A block of the text: a label, and a body that may be cut. */
interface Block {
  readonly pool: Pool;
  readonly label: string;
  readonly body: string;
  readonly skipped?: number | undefined;
}

/**
 * @param outcome What came of the cell.
 * @param textCharacters Characters of its output that are shown. stdout, stderr, what came between cells and the rest (values,
 * displays, tracebacks) divide them fairly: none is hidden by the length of another.
 * @returns An error result (`isError`) for anything but status `ok`.
 */
export function cellResult(outcome: ExecutionOutcome, textCharacters: number): CallToolResult {
  const pictures: Picture[] = [];
  const blocks = shortened(outcome.outputs, textCharacters).map((output) => block(output, pictures)).filter((
    part,
  ) => part.body.trim() !== "" || (part.skipped ?? 0) > 0);
  const bodies = bounded(blocks, textCharacters);
  const parts = blocks.flatMap(({ label }, at) => {
    const body = bodies[at] ?? "";
    return body === "" ? [] : [`${label}${body.replace(/\n$/, "")}`];
  });
  const text = [...parts, ...notes(outcome), statusLine(outcome)].join("\n");
  return {
    content: [{ type: "text", text }, ...pictures.map((picture) => ({ type: "image" as const, ...picture }))],
    ...(outcome.status === "ok" ? {} : { isError: true }),
  };
}

/** Values and tracebacks cut to what can be shown of them, before anything looks at each of their characters. */
function shortened(outputs: readonly ExecutionOutput[], characters: number): ExecutionOutput[] {
  const texts = outputs.map((output) => {
    if (output.type === "stream") return "";
    return output.type === "error" ? output.traceback : bundleText(output.data);
  });
  const shares = fairShares(characters, texts.map((text) => text.length));
  return outputs.map((output, at) => {
    const text = texts[at] ?? "";
    const share = shares[at] ?? 0;
    if (output.type === "stream" || text.length <= share) return output;
    const [cut = ""] = keepEnds([{ text }], share);
    if (output.type === "error") return { ...output, traceback: cut };
    return { ...output, data: { ...output.data, "text/plain": cut } };
  });
}

function block(output: ExecutionOutput, pictures: Picture[]): Block {
  switch (output.type) {
    case "stream": {
      const label = output.late === true ? `output since the last cell, ${output.name}` : output.name;
      const body = showable(output.text);
      const pool = output.late === true ? "late" : output.name;
      return { pool, label: `[${label}]\n`, body, skipped: output.skipped };
    }
    case "error": {
      const label = output.note === true ? "note" : "error";
      return { pool: "values", label: `[${label}] `, body: showable(output.traceback).trimEnd() };
    }
    case "display_data":
    case "execute_result": {
      const picture = bundlePicture(output.data);
      const words = showable(bundleText(output.data));
      const label = output.type === "execute_result"
        ? "[value]\n"
        : output.note === true
        ? "[note] "
        : "[display] ";
      if (picture === undefined) return { pool: "values", label, body: words };
      if (typeof picture === "string") return { pool: "values", label, body: `${words} [${picture}]`.trim() };
      pictures.push(picture);
      return {
        pool: "values",
        label: `[image ${pictures.length}] `,
        body: words === "" ? picture.mimeType : words,
      };
    }
  }
}

/** The bodies within the budget. A stream is one text, however many displays interrupt it; each value is one of its own. */
function bounded(blocks: readonly Block[], characters: number): string[] {
  const shown = blocks.map(() => "");
  const pools = (["stdout", "stderr", "late", "values"] as const).map((pool) => {
    const members = blocks.flatMap((part, at) => part.pool === pool ? [{ part, at }] : []);
    return { pool, members, demand: members.reduce((sum, { part }) => sum + part.body.length, 0) };
  });
  const shares = fairShares(characters, pools.map(({ demand }) => demand));
  for (const [index, { pool, members }] of pools.entries()) {
    const share = shares[index] ?? 0;
    const pieces = members.map(({ part }): Piece => ({ text: part.body, skipped: part.skipped }));
    const texts = pool === "values" || pool === "late" ? eachBounded(pieces, share) : keepEnds(pieces, share);
    for (const [nth, { at }] of members.entries()) shown[at] = texts[nth] ?? "";
  }
  return shown;
}

function eachBounded(pieces: readonly Piece[], characters: number): string[] {
  const shares = fairShares(characters, pieces.map(({ text }) => text.length));
  return pieces.map((piece, at) => keepEnds([piece], shares[at] ?? 0)[0] ?? "");
}

function notes(outcome: ExecutionOutcome): string[] {
  const found: string[] = [];
  for (const name of ["stdout", "stderr"] as const) {
    const shown = outcome.outputs.reduce(
      (sum, output) =>
        output.type === "stream" && output.name === name && output.late !== true
          ? sum + utf8Bytes(output.text)
          : sum,
      0,
    );
    const { bytes } = outcome.output[name];
    if (shown < bytes) {
      found.push(
        `${name} had ${
          readableBytes(bytes)
        } in all; write long output to a file in /workspace and look at parts of it`,
      );
    }
  }
  const { lost, died, oomKills } = outcome;
  if (lost !== null) {
    found.push(
      `the Python process had ended since the last cell (${
        death(lost)
      }): variables of earlier cells were lost before this one began, files in /workspace remain`,
    );
  }
  if (oomKills > 0 && died?.oom !== true && lost?.oom !== true) {
    found.push(
      `out_of_memory: the sandbox's memory limit ended ${
        counted(oomKills, "process", "es")
      }; work on less data at a time, or with fewer processes`,
    );
  }
  const { count, kept } = outcome.output.displays;
  if (kept < count) found.push(`${kept} of ${count} displays shown`);
  if ((outcome.waitedMs ?? 0) >= 1000) {
    found.push(
      `waited ${seconds(outcome.waitedMs ?? 0)} for another cell of this sandbox; that counts as its time`,
    );
  }
  const left = [
    ...(outcome.backgroundProcesses > 0 ? [counted(outcome.backgroundProcesses, "process", "es")] : []),
    ...(outcome.backgroundThreads > 0 ? [counted(outcome.backgroundThreads, "thread", "s")] : []),
  ];
  const one = outcome.backgroundProcesses + outcome.backgroundThreads === 1;
  if (left.length > 0) {
    found.push(
      `${left.join(" and ")} ${
        one ? "runs" : "run"
      } on in the background, first seen after this cell, until the sandbox is removed`,
    );
  }
  if (outcome.status === "timeout") found.push("make the work smaller, or pass a longer timeout");
  return found.map((note) => `[${note}]`);
}

function counted(count: number, noun: string, plural: string): string {
  return `${count} ${noun}${count === 1 ? "" : plural}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 3 : 1)} s`;
}

/** Status, execution count, time, and what has become of the kernel. */
function statusLine(outcome: ExecutionOutcome): string {
  const kernel = {
    kept: "variables kept",
    restarted: "kernel restarted: variables are lost, files in /workspace remain",
    unknown:
      "the sandbox has not answered yet: unknown whether the cell has ended and variables are kept; the next cell waits for it",
  }[outcome.kernel];
  const status = outcome.status === "kernel_died"
    ? `kernel_died (the Python process ended: ${death(outcome.died)})`
    : outcome.status;
  // A kernel that was replaced has counted nothing.
  const count = outcome.executionCount > 0 ? [`In[${outcome.executionCount}]`] : [];
  return `[${[status, ...count, seconds(outcome.elapsedMs), kernel].join(", ")}]`;
}

function death(died: Death | null): string {
  if (died?.oom === true) return "out_of_memory, the sandbox's memory limit was met";
  if (died?.signal) return `killed by ${showable(died.signal)}`;
  if (typeof died?.exitCode === "number") return `exit code ${died.exitCode}`;
  return "cause unknown";
}
