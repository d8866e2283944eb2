import type * as z from "zod";
import { parsedJson } from "../../lib/parsed_json.ts";

/** What the server's own code in a sandbox answers: JSON as an output of a type of its own. */
export interface AnswerForm<T> {
  readonly mime: string;
  /** The most characters that are parsed, because parsing blocks the server. */
  readonly characters: number;
  readonly schema: z.ZodType<T>;
}

/**
 * Finds the answer of a silent execution. User code in the sandbox can forge it: its shape is checked, and it is trusted no more than
 * other output.
 *
 * @param outputs The execution's.
 * @param form What an answer is.
 * @returns The first output that is one; undefined if none is.
 */
export function answerOf<T>(
  outputs: readonly { readonly type: string; readonly data?: Readonly<Record<string, string>> }[],
  { mime, characters, schema }: AnswerForm<T>,
): T | undefined {
  for (const output of outputs) {
    const text = output.data?.[mime];
    if (text === undefined || text.length > characters) continue;
    const parsed = schema.safeParse(parsedJson(text));
    if (parsed.success) return parsed.data;
  }
  return undefined;
}
