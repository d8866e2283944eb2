import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { FolderSink } from "../../../src/observability/audit_sink.ts";
import { verifyAudit } from "../../../src/observability/verify_audit.ts";
import { inFolder } from "../../fixtures/empty_folder.ts";
import { linesOf, pathsOf } from "./audit_folder.ts";

const LINE = { event: "statement", status: "ok" } as const;

/** The status of each line that has one, of each file. */
function statuses(folder: string): unknown[][] {
  return linesOf(folder).map((lines) => lines.flatMap(({ status }) => status ?? []));
}

Deno.test("each FolderSink has a file of its own that only its owner may read, and names the files before", async () => {
  await inFolder(async (parent) => {
    const folder = `${parent}/new`;
    const first = new FolderSink(folder);
    first.write(LINE);
    const second = new FolderSink(folder);
    second.write({ ...LINE, status: "refused" });
    first.write({ ...LINE, status: "later" });
    new FolderSink(folder);
    const files = linesOf(folder);
    assert.deepEqual(statuses(folder), [["ok", "later"], ["refused"], []]);
    assert.match(String(files[0]?.[0]?.["time"]), /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.deepEqual(files.map(([line]) => Array.isArray(line?.["after"]) && line["after"].length), [
      0,
      1,
      2,
    ]);
    for (const path of pathsOf(folder)) assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    assert.equal((Deno.statSync(folder).mode ?? 0) & 0o777, 0o700);
    assert.deepEqual((await verifyAudit({ folders: [folder] })).problems, []);
  });
});

Deno.test("FolderSink writes to a new file after the old one was moved, cut or written by somebody else", async () => {
  for (
    const change of [
      (path: string) => Deno.renameSync(path, `${path}.old`),
      (path: string) => Deno.truncateSync(path, 10),
      (path: string) => Deno.writeTextFileSync(path, "x\n", { append: true }),
    ]
  ) {
    await inFolder((folder) => {
      const sink = new FolderSink(folder);
      sink.write(LINE);
      const last = linesOf(folder)[0]?.at(-1)?.["hash"];
      const [path = ""] = pathsOf(folder);
      change(path);
      sink.write({ ...LINE, status: "later" });
      const newest = pathsOf(folder).find((other) => other !== path) ?? "";
      const [first, later] = Deno.readTextFileSync(newest).split("\n").slice(0, 2).map((text) =>
        JSON.parse(text)
      );
      assert.deepEqual(first.after, [{ file: path.split("/").at(-1), hash: last }]);
      assert.equal(later.status, "later");
    });
  }
});

Deno.test("FolderSink begins another file when one is large", async () => {
  await inFolder(async (folder) => {
    const sink = new FolderSink(folder, 1_000);
    for (let count = 0; count < 10; count += 1) sink.write({ ...LINE, count });
    assert.ok(pathsOf(folder).length > 2);
    assert.deepEqual(
      linesOf(folder).flat().flatMap(({ count }) => count ?? []),
      Array.from({ length: 10 }, (_, at) => at),
    );
    assert.deepEqual((await verifyAudit({ folders: [folder] })).problems, []);
  });
});

Deno.test("FolderSink is not ready while a line is unwritten, and later writes it before the next line", async () => {
  await inFolder((folder) => {
    const sink = new FolderSink(folder);
    Deno.renameSync(folder, `${folder}.away`);
    Deno.writeTextFileSync(folder, "");
    sink.write(LINE);
    assert.equal(sink.ready(), false);
    Deno.removeSync(folder);
    Deno.renameSync(`${folder}.away`, folder);
    assert.equal(sink.ready(), true);
    sink.write({ ...LINE, status: "later" });
    assert.deepEqual(statuses(folder), [["ok", "later"]]);
  });
});

Deno.test("FolderSink is not ready while its file is a folder or a link", async () => {
  await inFolder((folder) => {
    const sink = new FolderSink(folder);
    sink.write(LINE);
    const [path = ""] = pathsOf(folder);
    for (
      const replace of [() => Deno.mkdirSync(path), () => Deno.symlinkSync("/dev/null", path)]
    ) {
      Deno.removeSync(path);
      replace();
      assert.equal(sink.ready(), false);
    }
    sink.write({ ...LINE, status: "kept" });
    Deno.removeSync(path);
    assert.equal(sink.ready(), true);
    assert.deepEqual(statuses(folder), [["kept"]]);
  });
});

Deno.test("FolderSink escapes characters that a terminal obeys or a reader treats as the end of a line", async () => {
  await inFolder((folder) => {
    const normalized = 'SELECT 1 AS "a\u009b31m\u2028\u202eb\n"';
    new FolderSink(folder).write({ ...LINE, normalized });
    assert.match(Deno.readTextFileSync(pathsOf(folder)[0] ?? ""), /^[ -~]*\n[ -~]*\n$/);
    assert.equal(linesOf(folder)[0]?.[1]?.["normalized"], normalized);
  });
});

Deno.test("FolderSink counts the lines that it could not keep", async () => {
  await inFolder((folder) => {
    const sink = new FolderSink(folder);
    Deno.renameSync(folder, `${folder}.away`);
    for (let count = 0; count < 10_003; count += 1) sink.write(LINE);
    Deno.renameSync(`${folder}.away`, folder);
    assert.equal(sink.ready(), true);
    const [lines = []] = linesOf(folder);
    assert.equal(lines.length, 1 + 10_001);
    const { status, count } = lines.at(-1) ?? {};
    assert.deepEqual([status, count], ["lost", 3]);
  });
});

Deno.test("FolderSink reports at the start which folder it cannot write to", async () => {
  await inFolder((folder) => {
    const file = `${folder}/file`;
    Deno.writeTextFileSync(file, "");
    for (const wrong of [`${folder}/absent/audit`, file, "/dev/null"]) {
      assert.throws(() => new FolderSink(wrong), (error) => {
        assert.ok(error instanceof OmcpError);
        assert.equal(error.code, "config_invalid");
        assert.ok(error.message.startsWith(`Cannot write to the audit folder ${wrong}: `));
        assert.match(error.next ?? "", /OMCP_AUDIT_FOLDER/);
        return true;
      });
    }
  });
});

/** Writes lines until the file may not grow, lets it grow again, and writes on: what a full disk does. */
const FULL = `
import { FolderSink } from "./src/observability/audit_sink.ts";
const sink = new FolderSink(Deno.args[0]);
let count = 0;
while (sink.ready()) sink.write({ event: "statement", count: count++ });
new Deno.Command("prlimit", { args: ["--pid", String(Deno.pid), "--fsize=unlimited"] }).outputSync();
for (let more = 0; more < 3; more += 1) sink.write({ event: "statement", count: count++ });
console.log(count);
`;

Deno.test("a full disk tears no line and loses none", async () => {
  await inFolder(async (folder) => {
    const { success, stdout, stderr } = await new Deno.Command("sh", {
      // The system would end a process that writes more, unless it ignores the signal.
      args: [
        "-c",
        `trap "" XFSZ; ulimit -S -f 8; printf %s "$1" | exec "$2" run --quiet -A --no-check --ext=ts - "$3"`,
        "sh",
        FULL.replaceAll("./src", new URL("../../../src", import.meta.url).href),
        Deno.execPath(),
        folder,
      ],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const written = Number(new TextDecoder().decode(stdout));
    assert.ok(written > 5);
    assert.deepEqual(
      linesOf(folder).flat().flatMap(({ count }) => count ?? []),
      Array.from({ length: written }, (_, at) => at),
    );
    const { problems, lines } = await verifyAudit({ folders: [folder] });
    assert.deepEqual([problems, lines], [[], written + 1]);
  });
});
