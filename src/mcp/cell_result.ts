/** A cell's outcome as a tool result: one text that a model reads well, and the pictures. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { ExecutionOutput } from "../agent_protocol/messages/mod.ts";
import type { ExecutionOutcome } from "../sandbox/mod.ts";
import { bundlePicture, bundleText, type Picture } from "./bundle_text.ts";
import { cellNotes, statusLine } from "./cell_notes.ts";
import { endsOf, fairShares, keepEnds, type Piece } from "./text_budget.ts";
import { showable } from "../lib/text.ts";

/** `late`: printed while no cell ran. It has a pool of its own, so that it does not displace the cell's output. */
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
 * @param part `content`: the output to show, if not all of it. `source`: the cell's source; advice depends on it. `id`: the execution, if
 * the result is to say how to read what it leaves out.
 * @returns An error result (`isError`) for every status but `ok`.
 */
export function cellResult(
  outcome: ExecutionOutcome,
  textCharacters: number,
  { content: { lines, images, cut } = outputContent(outcome.outputs, textCharacters), source = "", id }: {
    readonly content?: OutputContent;
    readonly source?: string;
    readonly id?: string;
  } = {},
): CallToolResult {
  const text = [...lines, ...cellNotes(outcome, { cut, id }), statusLine(outcome, source)].join("\n");
  return {
    content: [{ type: "text", text }, ...images],
    ...(outcome.status === "ok" ? {} : { isError: true }),
  };
}

/** Output as a result shows it. */
export interface OutputContent {
  readonly lines: readonly string[];
  readonly images: readonly (Picture & { readonly type: "image" })[];
  /** Which of `stdout`, `stderr`, `late` and `values` are not shown whole. */
  readonly cut: ReadonlySet<string>;
}

/**
 * Writes output for a model.
 *
 * @param outputs The output.
 * @param textCharacters As in {@link cellResult}.
 */
export function outputContent(outputs: readonly ExecutionOutput[], textCharacters: number): OutputContent {
  const pictures: Picture[] = [];
  const pieces = showablePieces(outputs, textCharacters);
  const blocks = outputs.map((output, at) => block(output, pieces[at] ?? [], pictures)).filter(isShown);
  const { bodies, cut } = bounded(blocks, textCharacters);
  const lines = blocks.flatMap(({ label }, at) => {
    const body = bodies[at] ?? "";
    return body === "" ? [] : [`${label}${body.replace(/\n$/, "")}`];
  });
  return { lines, images: pictures.map((picture) => ({ type: "image" as const, ...picture })), cut };
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

/** The bodies within the budget, and which pools it has cut. A stream is one text, however many displays interrupt it; each value is a text of its own. */
function bounded(blocks: readonly Block[], characters: number) {
  const cut = new Set<Pool>();
  const shown = blocks.map(() => "");
  const pools = (["stdout", "stderr", "late", "values"] as const).map((pool) => {
    const members = blocks.flatMap(({ pool: own, body }, at) => own === pool ? [{ body, at }] : []);
    return { pool, members, demand: members.reduce((sum, { body }) => sum + length(body), 0) };
  });
  const shares = fairShares(characters, pools.map(({ demand }) => demand));
  for (const [index, { pool, members, demand }] of pools.entries()) {
    const share = shares[index] ?? 0;
    const bodies = members.map(({ body }) => body);
    // The skipped part of a value was cut above; the agent has not sent the skipped part of a stream.
    const isCut = pool === "values" && bodies.flat().some(({ skipped = 0 }) => skipped > 0);
    if (demand > share || isCut) cut.add(pool);
    const texts = pool === "values" || pool === "late"
      ? eachBounded(bodies, share)
      : keepEnds(bodies.flat(), share);
    for (const [nth, { at }] of members.entries()) shown[at] = texts[nth] ?? "";
  }
  return { bodies: shown, cut };
}

function eachBounded(bodies: readonly (readonly Piece[])[], characters: number): string[] {
  const shares = fairShares(characters, bodies.map(length));
  return bodies.map((body, at) => keepEnds(body, shares[at] ?? 0).join(""));
}

function length(body: readonly Piece[]): number {
  return body.reduce((sum, { text }) => sum + text.length, 0);
}
