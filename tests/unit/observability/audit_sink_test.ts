import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { FileSink } from "../../../src/observability/audit_sink.ts";

interface Folder {
  readonly path: string;
  readonly lines: () => Record<string, unknown>[];
}

/** Runs a test with a folder of its own; `lines` reads the file `audit` in it. */
async function inFolder(test: (folder: Folder) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/audit`;
  try {
    test({
      path,
      lines: () =>
        Deno.readTextFileSync(path).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const LINE = { event: "statement", status: "ok" } as const;

Deno.test("FileSink appends lines with their time to a file that only its owner may read", async () => {
  await inFolder(({ path, lines }) => {
    new FileSink(path).write(LINE);
    new FileSink(path).write({ ...LINE, status: "refused" });
    assert.deepEqual(lines().map(({ status }) => status), ["ok", "refused"]);
    assert.match(String(lines()[0]?.["time"]), /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("FileSink writes to a new file after the old one was renamed", async () => {
  await inFolder(({ path, lines }) => {
    const sink = new FileSink(path);
    sink.write(LINE);
    Deno.renameSync(path, `${path}.1`);
    sink.write({ ...LINE, status: "later" });
    assert.deepEqual(lines().map(({ status }) => status), ["later"]);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("FileSink is not ready while a line is unwritten, and later writes it before the next line", async () => {
  await inFolder(({ path, lines }) => {
    const sink = new FileSink(path);
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    sink.write(LINE);
    assert.equal(sink.ready(), false);
    Deno.removeSync(path);
    assert.equal(sink.ready(), true);
    sink.write({ ...LINE, status: "later" });
    assert.deepEqual(lines().map(({ status }) => status), ["ok", "later"]);
  });
});

Deno.test("FileSink is not ready while its path cannot be written or is not a file", async () => {
  await inFolder(({ path, lines }) => {
    const sink = new FileSink(path);
    sink.write(LINE);
    for (const replace of [() => Deno.mkdirSync(path), () => Deno.symlinkSync("/dev/null", path)]) {
      Deno.removeSync(path);
      replace();
      assert.equal(sink.ready(), false);
    }
    sink.write({ ...LINE, status: "kept" });
    Deno.removeSync(path);
    assert.equal(sink.ready(), true);
    assert.deepEqual(lines().map(({ status }) => status), ["kept"]);
  });
});

Deno.test("FileSink escapes characters that a terminal obeys or a reader treats as the end of a line", async () => {
  await inFolder(({ path, lines }) => {
    const normalized = 'SELECT 1 AS "a\u009b31m\u2028\u202eb\n"';
    new FileSink(path).write({ ...LINE, normalized });
    assert.match(Deno.readTextFileSync(path), /^[ -~]*\n$/);
    assert.equal(lines()[0]?.["normalized"], normalized);
  });
});

Deno.test("FileSink counts the lines that it could not keep", async () => {
  await inFolder(({ path, lines }) => {
    const sink = new FileSink(path);
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    for (let count = 0; count < 10_003; count += 1) sink.write(LINE);
    Deno.removeSync(path);
    assert.equal(sink.ready(), true);
    assert.equal(lines().length, 10_001);
    const { status, count } = lines().at(-1) ?? {};
    assert.deepEqual([status, count], ["lost", 3]);
  });
});

Deno.test("FileSink reports at the start which file it cannot write", async () => {
  await inFolder(({ path }) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const fifo = `${folder}/fifo`;
    new Deno.Command("mkfifo", { args: [fifo] }).outputSync();
    for (const wrong of [`${path}/absent`, folder, fifo, "/dev/null"]) {
      assert.throws(() => new FileSink(wrong), (error) => {
        assert.ok(error instanceof OmcpError);
        assert.equal(error.code, "config_invalid");
        assert.ok(error.message.startsWith(`Cannot write the audit file ${wrong}: `));
        assert.match(error.next ?? "", /OMCP_AUDIT_FILE/);
        return true;
      });
    }
  });
});
