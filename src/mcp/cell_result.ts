/** A cell's outcome as a tool result: one text that a model reads well, and the pictures. */
import { counted } from "../lib/counted.ts";
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Death, ExecutionOutput } from "../agent_protocol/messages/mod.ts";
import type { ExecutionOutcome } from "../sandbox/mod.ts";
import { bundlePicture, bundleText, type Picture } from "./bundle_text.ts";
import { endsOf, fairShares, keepEnds, type Piece, utf8Bytes } from "./text_budget.ts";
import { readableBytes, showable } from "../lib/text.ts";

/** `late`: printed while no cell ran. It has a pool of its own, so that it hides nothing of the cell. */
type Pool = "stdout" | "stderr" | "late" | "values";

/** A block of the text: a label, and a body that may be cut. */
interface Block {
  readonly pool: Pool;
  readonly label: string;
  readonly body: readonly Piece[];
}

/**
 * Writes a cell's outcome for a model.
 *
 * @param outcome The cell's outcome.
 * @param textCharacters How many characters of its output are shown. stdout, stderr, the output between cells and the rest
 * (values, displays, tracebacks) share them fairly, so that a long one does not hide another.
 * @returns An error result (`isError`) for every status but `ok`.
 */
export function cellResult(outcome: ExecutionOutcome, textCharacters: number): CallToolResult {
  const pictures: Picture[] = [];
  const pieces = showablePieces(outcome.outputs, textCharacters);
  const blocks = outcome.outputs.map((output, at) => block(output, pieces[at] ?? [], pictures)).filter(
    isShown,
  );
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

function isShown({ body }: Block): boolean {
  return body.some(({ text, skipped = 0 }) => text.trim() !== "" || skipped > 0);
}

/**
 * The texts of all outputs in pieces. Values and tracebacks are cut to their two ends first, because `showable` reads every
 * character.
 */
function showablePieces(outputs: readonly ExecutionOutput[], characters: number): (readonly Piece[])[] {
  const texts = outputs.map((output) => {
    if (output.type === "stream") return "";
    return output.type === "error" ? output.traceback : bundleText(output.data);
  });
  const shares = fairShares(characters, texts.map((text) => text.length));
  return outputs.map((output, at) => {
    const pieces: readonly Piece[] = output.type === "stream"
      ? [{ text: output.text, skipped: output.skipped }]
      : endsOf(texts[at] ?? "", shares[at] ?? 0);
    return pieces.map(({ text, skipped }) => ({ text: showable(text), skipped }));
  });
}

function block(output: ExecutionOutput, body: readonly Piece[], pictures: Picture[]): Block {
  switch (output.type) {
    case "stream": {
      const label = output.late === true ? `output since the last cell, ${output.name}` : output.name;
      return { pool: output.late === true ? "late" : output.name, label: `[${label}]\n`, body };
    }
    case "error": {
      const trimmed = [...body.slice(0, -1), ...body.slice(-1).map(trimmedEnd)];
      return { pool: "values", label: output.note === true ? "[note] " : "[error] ", body: trimmed };
    }
    case "display_data":
    case "execute_result": {
      const picture = bundlePicture(output.data);
      const label = output.type === "execute_result"
        ? "[value]\n"
        : output.note === true
        ? "[note] "
        : "[display] ";
      if (picture === undefined) return { pool: "values", label, body };
      const hasWords = body.some(({ text }) => text !== "");
      if (typeof picture === "string") {
        const problem = { text: `${hasWords ? " " : ""}[${picture}]` };
        return { pool: "values", label, body: [...body, problem] };
      }
      pictures.push(picture);
      return {
        pool: "values",
        label: `[image ${pictures.length}] `,
        body: hasWords ? body : [{ text: picture.mimeType }],
      };
    }
  }
}

function trimmedEnd({ text, skipped }: Piece): Piece {
  return { text: text.trimEnd(), skipped };
}

/** The bodies within the budget. A stream is one text, however many displays interrupt it; each value is a text of its own. */
function bounded(blocks: readonly Block[], characters: number): string[] {
  const shown = blocks.map(() => "");
  const pools = (["stdout", "stderr", "late", "values"] as const).map((pool) => {
    const members = blocks.flatMap(({ pool: own, body }, at) => own === pool ? [{ body, at }] : []);
    return { pool, members, demand: members.reduce((sum, { body }) => sum + length(body), 0) };
  });
  const shares = fairShares(characters, pools.map(({ demand }) => demand));
  for (const [index, { pool, members }] of pools.entries()) {
    const share = shares[index] ?? 0;
    const bodies = members.map(({ body }) => body);
    const texts = pool === "values" || pool === "late"
      ? eachBounded(bodies, share)
      : keepEnds(bodies.flat(), share);
    for (const [nth, { at }] of members.entries()) shown[at] = texts[nth] ?? "";
  }
  return shown;
}

function eachBounded(bodies: readonly (readonly Piece[])[], characters: number): string[] {
  const shares = fairShares(characters, bodies.map(length));
  return bodies.map((body, at) => keepEnds(body, shares[at] ?? 0).join(""));
}

function length(body: readonly Piece[]): number {
  return body.reduce((sum, { text }) => sum + text.length, 0);
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
        counted(oomKills, "process", "processes")
      }; work on less data at a time, or with fewer processes`,
    );
  }
  const { count, kept } = outcome.output.displays;
  if (kept < count) found.push(`${kept} of ${count} displays shown`);
  if ((outcome.waitedMs ?? 0) >= 1000) {
    found.push(
      `waited ${
        seconds(outcome.waitedMs ?? 0)
      } for another cell of this sandbox; the wait counts towards the timeout`,
    );
  }
  const left = [
    ...(outcome.backgroundProcesses > 0
      ? [counted(outcome.backgroundProcesses, "process", "processes")]
      : []),
    ...(outcome.backgroundThreads > 0 ? [counted(outcome.backgroundThreads, "thread")] : []),
  ];
  const one = outcome.backgroundProcesses + outcome.backgroundThreads === 1;
  if (left.length > 0) {
    found.push(
      `${left.join(" and ")}, first seen after this cell, ${
        one ? "runs" : "run"
      } in the background until the sandbox is removed`,
    );
  }
  if (outcome.status === "timeout") found.push("reduce the work, or pass a longer timeout");
  return found.map((note) => `[${note}]`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 3 : 1)} s`;
}

/** Status, execution count, time, and the kernel's state. */
function statusLine(outcome: ExecutionOutcome): string {
  const kernel = {
    kept: "variables kept",
    restarted: "kernel restarted: variables are lost, files in /workspace remain",
    unknown:
      "the sandbox has not responded yet: it is unknown whether the cell has ended and whether variables are kept; the next cell waits for it",
  }[outcome.kernel];
  const status = outcome.status === "kernel_died"
    ? `kernel_died (the Python process ended: ${death(outcome.died)})`
    : outcome.status;
  // A new kernel has no execution count yet.
  const count = outcome.executionCount > 0 ? [`In[${outcome.executionCount}]`] : [];
  const { elapsedMs, kernelStartMs = 0 } = outcome;
  const start = kernelStartMs < 1000 ? "" : ` after ${seconds(kernelStartMs)} for the kernel's start`;
  return `[${[status, ...count, `${seconds(elapsedMs)}${start}`, kernel].join(", ")}]`;
}

function death(died: Death | null): string {
  if (died?.oom === true) {
    return "out_of_memory, the sandbox's memory limit was reached; read a large query result in parts, with conn.cursor(name='rows')";
  }
  if (died?.signal) return `killed by ${showable(died.signal)}`;
  if (typeof died?.exitCode === "number") return `exit code ${died.exitCode}`;
  return "cause unknown";
}
