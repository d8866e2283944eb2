/** Writes the output of the project's programs; the linter refuses `console`. */
import { writeAll } from "../src/lib/connection.ts";

const ENCODER = new TextEncoder();

/**
 * Writes a text and a line feed to stdout.
 *
 * @param text One or more lines.
 */
export async function say(text: string): Promise<void> {
  await writeAll(Deno.stdout, ENCODER.encode(`${text}\n`));
}

/**
 * Writes a text and a line feed to stderr.
 *
 * @param text One or more lines.
 */
export async function complain(text: string): Promise<void> {
  await writeAll(Deno.stderr, ENCODER.encode(`${text}\n`));
}
