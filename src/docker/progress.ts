import type * as z from "zod";
import { OmcpError } from "../errors.ts";
import { invalidResponse, sanitizeMessage } from "./engine_errors.ts";
import { parseJson } from "./http.ts";
import { ProgressLine } from "./schemas.ts";

/** Receives every line of progress, as the engine writes it. */
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
 * @throws {OmcpError} `engine_refused` with the engine's own message if the work failed, `engine_failed` for an invalid response.
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
    for (const shown of textLines(line)) onProgress?.(shown);
  }
  return { imageId };
}

function failure(action: string, message: string): OmcpError {
  const reason = sanitizeMessage(message);
  const missing = /pull access denied|manifest .*(?:unknown|not found)|no such image/i.test(reason);
  return new OmcpError(missing ? "image_missing" : "engine_refused", `Cannot ${action}: ${reason}`, {
    state: "No image was created.",
    next: "See the progress lines before this error.",
  });
}

function idIn(line: z.output<typeof ProgressLine>): string | undefined {
  if (line.imageId !== undefined) return line.imageId;
  // An import reports its image's id as its last status.
  return line.status !== undefined && /^sha256:[0-9a-f]{64}$/.test(line.status) ? line.status : undefined;
}

function textLines(line: z.output<typeof ProgressLine>): string[] {
  const text = line.stream ??
    (line.status === undefined ? "" : `${line.id ? `${line.id}: ` : ""}${line.status}`);
  return text.split(/[\r\n]+/).map((part) => part.trimEnd()).filter((part) => part !== "");
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
