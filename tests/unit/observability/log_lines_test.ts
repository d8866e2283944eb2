import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { renderedMessage } from "../../../src/observability/log.ts";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));

Deno.test("a log message contains its values without quotes", () => {
  const parts = ["", "execute_python_code", ": ", "ok", " in ", 635, " ms"];
  assert.equal(renderedMessage(parts), "execute_python_code: ok in 635 ms");
});

Deno.test("the code writes every log line that docs/audit.md lists", async () => {
  const [, table = ""] = (await Deno.readTextFile(`${PROJECT}docs/audit.md`)).split("\n## Log\n");
  const cells = table.split("\n").flatMap((line) => /^\| (.*?) +\|/.exec(line)?.[1] ?? []);
  const listed = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text));
  const written = await templates(`${PROJECT}src`);
  assert.ok(listed.length >= 5 && written.length >= 20);
  for (const line of listed) {
    const pattern = new RegExp(line.split("…").map(escaped).join("\\$?\\{\\w+\\}"));
    assert.ok(written.some((template) => pattern.test(template)), `no code writes \`${line}\``);
  }
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

async function templates(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await templates(path));
    else if (name.endsWith(".ts")) {
      const text = await Deno.readTextFile(path);
      for (const [, template = ""] of text.matchAll(/\blog\.\w+\(\s*["`]([^"`\n]*)/g)) found.push(template);
    }
  }
  return found;
}
