/**
 * Checks that a binary is this program, and not a plain Deno, as `deno compile` makes it without its own runtime.
 *
 *     deno run -A scripts/package/check_binary.ts BINARY
 */
import * as z from "zod";
import { parsedJson } from "../../src/lib/parsed_json.ts";
import { VERSION } from "../../src/version.ts";
import { say } from "../output.ts";

/** Milliseconds; the first start of the one file unpacks it. */
const DEADLINE_MS = 60_000;

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "check-binary", version: VERSION },
  },
};
const initialized = z.string().transform(parsedJson).pipe(z.object({
  id: z.literal(1),
  result: z.object({ serverInfo: z.object({ version: z.literal(VERSION) }) }),
}));

/**
 * @param binary Its path.
 * @param env Added to its environment.
 * @returns What is wrong with it; undefined for this program.
 */
export async function problemOf(
  binary: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const version = await output(binary, ["--version"], env);
  if (version.text.trim() !== VERSION) {
    return `--version prints ${JSON.stringify(version.text.slice(0, 100))}`;
  }
  // The one file's launcher prints the version; this only the program can.
  const help = await output(binary, ["--help"], env);
  if (!help.text.startsWith(`omcp ${VERSION}\n`)) {
    return `--help prints ${JSON.stringify(help.text.slice(0, 100))}`;
  }
  // Deno's own command, which no server must run.
  const evaluated = await output(binary, ["eval", "console.log('plain Deno')"], env);
  if (evaluated.code === 0 || evaluated.text.includes("plain Deno")) return "it runs code that it is given";
  // On Windows no server is promised.
  if (Deno.build.os === "windows") return undefined;
  const answer = await firstAnswer(binary, env);
  return initialized.safeParse(answer).success
    ? undefined
    : `initialize is answered with ${JSON.stringify(answer.slice(0, 100))}`;
}

/** The first line that the server answers; it answers `initialize` without an engine, too. */
async function firstAnswer(binary: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = new Deno.Command(binary, {
    args: ["serve"],
    env: { ...env, OMCP_DATABASE_URL: "none" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).spawn();
  const stdin = child.stdin.getWriter();
  // What does not read its stdin, or has ended, answers nothing: the text below is empty then.
  await stdin.write(new TextEncoder().encode(`${JSON.stringify(INITIALIZE)}\n`)).catch(() => {});
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) break;
  }
  await stdin.close().catch(() => {});
  await child.status;
  return text.split("\n", 1)[0] ?? "";
}

async function output(
  binary: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; text: string }> {
  const { code, stdout } = await new Deno.Command(binary, {
    args: [...args],
    env: { ...env },
    stdin: "null",
    stderr: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

if (import.meta.main) {
  const [binary = ""] = Deno.args;
  const problem = await problemOf(binary);
  await say(
    problem === undefined ? `${binary} is omcp ${VERSION}` : `${binary} is not this program: ${problem}`,
  );
  if (problem !== undefined) Deno.exit(1);
}
