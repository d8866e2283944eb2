import assert from "node:assert/strict";
import { basename } from "node:path";
import { command } from "../../../src/cli/audit.ts";
import { FolderSink } from "../../../src/observability/audit_sink.ts";
import { verifyAudit } from "../../../src/observability/verify_audit.ts";
import { inFolder } from "../../fixtures/empty_folder.ts";
import { pathsOf, textsOf } from "./audit_folder.ts";

/** Two files that ended, and one of a server that runs. */
async function withAudit(test: (folder: string, paths: readonly string[]) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    for (const ends of [true, true, false]) {
      const sink = new FolderSink(folder);
      for (let count = 0; count < 4; count += 1) sink.write({ event: "execution", count });
      if (ends) sink.write({ event: "end" });
    }
    await test(folder, pathsOf(folder));
  });
}

function rewrite(path: string, change: (lines: string[]) => readonly string[]): void {
  Deno.writeTextFileSync(path, change([...textsOf(path)]).map((line) => `${line}\n`).join(""));
}

/** Runs `omcp audit verify`. */
async function verify(
  ...args: string[]
): Promise<{ readonly code: number; readonly printed: readonly string[] }> {
  const printed: string[] = [];
  const code = await command.run({
    args: ["verify", ...args],
    read: () => undefined,
    unknown: [],
    origin: () => undefined,
    print: (line) => void printed.push(line),
  });
  return { code, printed };
}

Deno.test("omcp audit verify finds a whole audit whole, and prints its end", async () => {
  await withAudit(async (folder, paths) => {
    const { code, printed } = await verify(folder);
    assert.equal(code, 0, printed.join("\n"));
    const hash = JSON.parse(textsOf(paths[2] ?? "").at(-1) ?? "").hash;
    assert.ok(printed.includes(`end   ${basename(paths[2] ?? "")}: ${hash}`), printed.join("\n"));
    assert.ok(printed.includes("The audit is whole: 3 files, 17 lines."), printed.join("\n"));
    assert.equal((await verify(folder, "--holds", hash)).code, 0);
  });
});

/** What somebody did to the file in the middle, and what the check reports. */
const CHANGES: Readonly<
  Record<
    string,
    { readonly change: (lines: string[]) => readonly string[]; readonly found: readonly string[] }
  >
> = {
  "changed a line": {
    change: (lines) => lines.with(2, (lines[2] ?? "").replace('"count":1', '"count":7')),
    found: ["line 3 was changed"],
  },
  "changed the last line": {
    change: (lines) => lines.with(5, (lines[5] ?? "").replace("end", "End")),
    found: ["line 6 was changed", "was cut or replaced"],
  },
  "removed a line": {
    change: (lines) => lines.toSpliced(2, 1),
    found: ["line 3 does not follow line 2"],
  },
  "removed the first line": {
    change: (lines) => lines.slice(1),
    found: ["line 1 is not the first line of a file"],
  },
  "swapped two lines": {
    change: ([a = "", b = "", c = "", ...rest]) => [a, c, b, ...rest],
    found: ["line 2 does not", "line 3 does not", "line 4 does not"],
  },
  "removed lines at the end": { change: (lines) => lines.slice(0, 4), found: ["was cut or replaced"] },
  "removed all lines": { change: () => [], found: ["was cut or replaced"] },
  "wrote another line": {
    change: (lines) => lines.toSpliced(2, 0, '{"event":"execution"}'),
    found: ["line 3 is not a line of the audit"],
  },
  "wrote a line of another file": {
    change: (lines) => lines.toSpliced(2, 0, lines[4] ?? ""),
    found: ["line 3 does not", "line 4 does not"],
  },
  "wrote a line that is too long": {
    change: (lines) => lines.toSpliced(2, 0, "x".repeat(300_000)),
    found: ["line 3 is not a line of the audit"],
  },
};

for (const [name, { change, found }] of Object.entries(CHANGES)) {
  Deno.test(`omcp audit verify finds where somebody ${name}`, async () => {
    await withAudit(async (folder, paths) => {
      const path = paths[1] ?? "";
      rewrite(path, change);
      const { code, printed } = await verify(folder);
      assert.equal(code, 1);
      const problems = printed.filter((line) => line.startsWith("FAIL"));
      assert.equal(problems.length, found.length, problems.join("\n"));
      for (const each of found) {
        assert.ok(
          problems.some((line) => line.startsWith(`FAIL  ${basename(path)}`) && line.includes(each)),
          `${each}: ${problems.join("\n")}`,
        );
      }
    });
  });
}

Deno.test("omcp audit verify finds a missing file, unless it is older than those asked for or in another folder", async () => {
  await withAudit(async (folder, [first = "", second = "", third = ""]) => {
    const archive = `${folder}/archive`;
    Deno.mkdirSync(archive);
    Deno.renameSync(first, `${archive}/${basename(first)}`);
    const missing = `FAIL  ${basename(first)} is missing: ${basename(second)} names it`;
    assert.ok((await verify(folder)).printed.includes(missing));
    assert.equal((await verify(folder, archive)).code, 0);
    assert.equal((await verify(folder, "--from", basename(second))).code, 0);
    Deno.removeSync(second);
    assert.deepEqual(
      (await verify(folder, archive)).printed[0],
      `FAIL  ${basename(second)} is missing: ${basename(third)} names it`,
    );
  });
});

Deno.test("lines cut from the newest file show by a hash that was kept, and in a note", async () => {
  await withAudit(async (folder, paths) => {
    const { ends } = await verifyAudit({ folders: [folder] });
    rewrite(paths[2] ?? "", (lines) => lines.slice(0, 3));
    assert.equal((await verify(folder)).code, 0);
    const { code, printed } = await verify(folder, "--holds", ends[0]?.hash ?? "");
    assert.equal(code, 1);
    assert.equal(printed[0], `FAIL  no line has the hash ${ends[0]?.hash}`);
    assert.match(printed[1] ?? "", /^note .*has no end/);
  });
});

Deno.test("the torn last line of a killed server is a note, and a later server's file follows the line before it", async () => {
  await withAudit(async (folder, paths) => {
    const path = paths[2] ?? "";
    Deno.truncateSync(path, Deno.statSync(path).size - 20);
    new FolderSink(folder).write({ event: "end" });
    const { code, printed } = await verify(folder);
    assert.equal(code, 0, printed.join("\n"));
    assert.ok(printed.some((line) => /^note .* line 5 is not complete/.test(line)), printed.join("\n"));
  });
});
