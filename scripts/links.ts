/**
 * Checks the Markdown files: every relative link leads to a file, every `#anchor` to a heading, and in docs/ every path of this
 * repository in a code span exists. In the records of decisions and the changelog, which describe their own time, it checks links only.
 *
 *     deno run -A scripts/links.ts
 */
import { markdownProblems } from "./markdown_links.ts";
import { complain } from "./output.ts";
import { readText } from "./read_text.ts";

const ROOT = new URL("../", import.meta.url);
const SKIPPED = new Set([".git", "node_modules", "dist", ".venv", "demo-output"]);

function* markdownFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (SKIPPED.has(name)) continue;
    if (isDirectory) yield* markdownFiles(`${folder}${name}/`);
    else if (name.endsWith(".md")) yield `${folder}${name}`;
  }
}

const problems = [...markdownFiles("./")].map((path) => path.slice(2)).toSorted()
  .flatMap((path) => markdownProblems(path, readText));
if (problems.length > 0) {
  await complain(problems.join("\n"));
  Deno.exit(1);
}
