import type * as z from "zod";
import { OmcpError } from "../errors.ts";
import { invalidResponse, sanitizeMessage } from "./engine_errors.ts";
import { parseJson } from "./http.ts";
import { ProgressLine } from "./schemas.ts";

/** Told of every line of progress, as the engine words it. */
export type ProgressCallback = (line: string) => void;

/** The longest line of the engine's answer, in characters. */
const MAX_LINE = 1024 * 1024;

/** What a build, import or pull came to. */
export interface ProgressOutcome {
  /** The image's id, where the engine named one. */
  readonly imageId: string | undefined;
}

/**
 * Follows the answer to a build, an import or a pull: lines of JSON that bear progress, and the failure if there is one,
 * though the HTTP status was 200.
 *
 * @param action What is done, for messages.
 * @param body The answer's body.
 * @param onProgress Told of every line.
 * @returns The image's id, where the engine named one.
 * @throws {OmcpError} `engine_refused` with the engine's own words if the work failed, `engine_failed` if the answer makes no sense.
 */
export async function followProgress(
  action: string,
  body: ReadableStream<Uint8Array> | null,
  onProgress: ProgressCallback | undefined,
): Promise<ProgressOutcome> {
  let imageId: string | undefined;
  if (body === null) return { imageId };
  for await (const text of lines(action, body)) {
    if (text.trim() === "") continue;
    const line = parseJson(action, text, ProgressLine);
    if (line.error !== undefined || line.errorDetail) throw failure(action, line);
    imageId = idIn(line) ?? imageId;
    for (const words of wordsIn(line)) onProgress?.(words);
  }
  return { imageId };
}

function failure(action: string, line: z.output<typeof ProgressLine>): OmcpError {
  const words = sanitizeMessage(line.errorDetail?.message || line.error || "no message");
  const missing = /pull access denied|manifest .*(?:unknown|not found)|no such image/i.test(words);
  return new OmcpError(missing ? "image_missing" : "engine_refused", `Cannot ${action}: ${words}`, {
    state: "No image was made.",
    next: "The lines of progress before it tell more.",
  });
}

function idIn(line: z.output<typeof ProgressLine>): string | undefined {
  if (line.aux?.ID !== undefined) return line.aux.ID;
  // An import names its image as its last status.
  return line.status !== undefined && /^sha256:[0-9a-f]{64}$/.test(line.status) ? line.status : undefined;
}

function wordsIn(line: z.output<typeof ProgressLine>): string[] {
  const text = line.stream ??
    (line.status === undefined ? "" : `${line.id ? `${line.id}: ` : ""}${line.status}`);
  return text.split(/[\r\n]+/).map((words) => words.trimEnd()).filter((words) => words !== "");
}

async function* lines(action: string, body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of body) {
    const parts = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = parts.pop() ?? "";
    if (pending.length > MAX_LINE) {
      throw invalidResponse(action, `a line of more than ${MAX_LINE} characters`);
    }
    yield* parts;
  }
  yield pending + decoder.decode();
}
