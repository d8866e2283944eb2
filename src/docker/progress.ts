import type * as z from "zod";
import { OmcpError } from "../errors.ts";
import { invalidResponse, sanitizeMessage } from "./engine_errors.ts";
import { parseJson } from "./http.ts";
import { ProgressLine } from "./schemas.ts";

/** Receives every line of progress, in the engine's words. */
export type ProgressCallback = (line: string) => void;

/** The longest line of the engine's response, in characters. */
const MAX_LINE = 1024 * 1024;

/** The result of a build, import or pull. */
export interface ProgressOutcome {
  /** The image's id, where the engine named one. */
  readonly imageId: string | undefined;
}

/**
 * Follows the response to a build, an import or a pull: lines of JSON with progress, or with a failure although the HTTP status is 200.
 *
 * @param action What is done, for messages.
 * @param body The response's body.
 * @param onProgress Receives every line.
 * @returns The image's id, where the engine named one.
 * @throws {OmcpError} `engine_refused` with the engine's own words if the work failed, `engine_failed` for an invalid response.
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
    if (line.failure !== undefined) throw failure(action, line.failure);
    imageId = idIn(line) ?? imageId;
    for (const words of wordsIn(line)) onProgress?.(words);
  }
  return { imageId };
}

function failure(action: string, message: string): OmcpError {
  const words = sanitizeMessage(message);
  const missing = /pull access denied|manifest .*(?:unknown|not found)|no such image/i.test(words);
  return new OmcpError(missing ? "image_missing" : "engine_refused", `Cannot ${action}: ${words}`, {
    state: "No image was made.",
    next: "See the lines of progress before it.",
  });
}

function idIn(line: z.output<typeof ProgressLine>): string | undefined {
  if (line.imageId !== undefined) return line.imageId;
  // An import reports its image's id as its last status.
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
