/**
 * Compiles the program for a platform, with the flags of `deno task compile`.
 *
 *     deno run -A scripts/package/compile.ts TARGET OUTPUT
 */
import * as z from "zod";

const project = new URL("../../", import.meta.url);
const configuration = z.object({ tasks: z.object({ compile: z.object({ command: z.string() }) }) });

const [target, path] = Deno.args;
if (target === undefined || path === undefined) throw new Error("Pass a target and the output's path");
const text = await Deno.readTextFile(new URL("deno.json", project));
const [, ...words] = configuration.parse(JSON.parse(text)).tasks.compile.command.split(" ");
const at = words.indexOf("--output");
if (words[0] !== "compile" || at < 0) {
  throw new Error("The task compile has another form than this script knows");
}
words[at + 1] = path;
words.splice(1, 0, "--target", target);
const { code } = await new Deno.Command(Deno.execPath(), { args: words, cwd: project }).spawn().status;
Deno.exit(code);
