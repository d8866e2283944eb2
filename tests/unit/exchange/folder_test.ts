/** With permissions like the server's: Deno opens files in another way when it may open only some. */
import assert from "node:assert/strict";
import { ExchangeFolder } from "../../../src/exchange/folder.ts";

const MIB = 1024 * 1024;
const root = await Deno.makeTempDir({ prefix: "omcp-exchange-" });
const outside = await Deno.makeTempDir({ prefix: "omcp-outside-" });
await Deno.writeTextFile(`${outside}/secret.csv`, "secret");
/** Nothing outside of the folder, and no link, can be made under a test's own permissions: this runs before the tests. */
function withLinks(): { readonly path: string; readonly names: readonly string[] } {
  const path = newFolder();
  Deno.symlinkSync(`${outside}/secret.csv`, `${path}/link.csv`);
  Deno.symlinkSync(outside, `${path}/folder link`);
  Deno.symlinkSync(`${path}/nowhere`, `${path}/dangling`);
  Deno.mkdirSync(`${path}/folder`);
  const { success } = new Deno.Command("mkfifo", { args: [`${path}/fifo`] }).outputSync();
  assert.ok(success);
  return { path, names: ["dangling", "fifo", "folder", "folder link", "link.csv"] };
}

/** Puts a file and a link out of the folder under one name, in turn, from the first byte of its stdin to the end of it. */
const SWAP = `
import os, select, sys
path, target = sys.argv[1:]
os.read(0, 1)
while not select.select([0], [], [], 0)[0]:
    for _ in range(100):
        with open(path + "/new", "w") as file: file.write("inside")
        os.rename(path + "/new", path + "/x")
        os.symlink(target, path + "/new")
        os.rename(path + "/new", path + "/x")
`;

function newFolder(): string {
  return Deno.makeTempDirSync({ dir: root });
}

/** What the server may do with its exchange folder. */
const OWN = { permissions: { read: [root], write: [root] } };

const linked = withLinks();
const swapped = newFolder();
const swapper = new Deno.Command("python3", {
  args: ["-c", SWAP, swapped, `${outside}/secret.csv`],
  stdin: "piped",
}).spawn();
const swapping = swapper.stdin.getWriter();
addEventListener("unload", () => {
  for (const path of [root, outside]) Deno.removeSync(path, { recursive: true });
});

async function read(folder: ExchangeFolder, name: string): Promise<string> {
  await using file = await folder.openFile(name);
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of file.bytes()) text += decoder.decode(chunk, { stream: true });
  return text;
}

async function write(folder: ExchangeFolder, name: string, text: string, overwrite = false) {
  const bytes = new TextEncoder().encode(text);
  return await folder.writeFile(name, { size: bytes.length, overwrite }, (file) => file.write(bytes));
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

Deno.test("ExchangeFolder writes and reads files, and replaces none unless asked", OWN, async () => {
  const path = newFolder();
  const folder = await ExchangeFolder.open(path, MIB);
  assert.deepEqual(await write(folder, "a b.csv", "one"), { replaced: false });
  assert.equal(await read(folder, "a b.csv"), "one");
  await assert.rejects(write(folder, "a b.csv", "two"), { code: "file_exists" });
  assert.equal(await read(folder, "a b.csv"), "one");
  assert.deepEqual(await write(folder, "a b.csv", "three", true), { replaced: true });
  assert.equal(await read(folder, "a b.csv"), "three");
  await write(folder, "empty", "");
  assert.equal(await read(folder, "empty"), "");
  assert.deepEqual(namesIn(path), ["a b.csv", "empty"]);
});

Deno.test("ExchangeFolder takes a single visible name, and no path", OWN, async () => {
  const path = newFolder();
  const folder = await ExchangeFolder.open(path, MIB);
  const names = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc/passwd",
    "a\\b",
    ".hidden",
    "-rf",
    "a\0b",
    "a\nb",
    "a\u202eb",
  ];
  for (const name of [...names, "\ud800", "é".repeat(128)]) {
    const shown = JSON.stringify(name);
    await assert.rejects(folder.openFile(name), { code: "invalid_argument" }, shown);
    await assert.rejects(write(folder, name, "x"), { code: "invalid_argument" }, shown);
  }
  assert.deepEqual(namesIn(path), []);
  await write(folder, "é".repeat(127), "x");
});

Deno.test("ExchangeFolder names the files that are there when one is missing", OWN, async () => {
  const path = newFolder();
  const folder = await ExchangeFolder.open(path, MIB);
  await assert.rejects(folder.openFile("x.csv"), {
    code: "file_not_found",
    next: /^The folder has no file\./,
  });
  for (let at = 0; at < 23; at += 1) Deno.writeTextFileSync(`${path}/${String(at).padStart(2, "0")}.csv`, "");
  Deno.writeTextFileSync(`${path}/.hidden`, "");
  await assert.rejects(folder.openFile("x.csv"), { next: /has "00\.csv", .*"19\.csv" and 3 more files\./ });
});

Deno.test("ExchangeFolder leaves nothing of a file that fails, and leaves what was there", OWN, async () => {
  const path = newFolder();
  const folder = await ExchangeFolder.open(path, MIB);
  await write(folder, "a", "old");
  for (const overwrite of [true, false]) {
    const failing = folder.writeFile(overwrite ? "a" : "b", { size: 9, overwrite }, async (file) => {
      await file.write(new Uint8Array(5));
      throw new Error("the sandbox ended");
    });
    await assert.rejects(failing);
  }
  assert.deepEqual(namesIn(path), ["a"]);
  assert.equal(await read(folder, "a"), "old");
});

Deno.test("ExchangeFolder reports a file that is written to while it is read", OWN, async () => {
  const path = newFolder();
  const folder = await ExchangeFolder.open(path, MIB);
  const changes: readonly ((file: string) => void)[] = [
    (file) => Deno.writeTextFileSync(file, "more", { append: true }),
    (file) => Deno.truncateSync(file, 10),
    (file) => Deno.writeFileSync(file, new Uint8Array(MIB).fill(1)),
  ];
  for (const [at, change] of changes.entries()) {
    Deno.writeFileSync(`${path}/${at}`, new Uint8Array(MIB));
    // In the past: Linux's clock for files has steps of some milliseconds, and a change in the same step is not seen.
    Deno.utimeSync(`${path}/${at}`, 1, 1);
    await using file = await folder.openFile(String(at));
    let bytes = 0;
    await assert.rejects(async () => {
      for await (const chunk of file.bytes()) {
        if (bytes === 0) change(`${path}/${at}`);
        bytes += chunk.length;
      }
    }, { code: "file_changed" });
    assert.ok(bytes < MIB, "the last bytes are held back");
  }
});

Deno.test("ExchangeFolder bounds what exports take, and counts those that are still there", OWN, async () => {
  const path = newFolder();
  const folder = await ExchangeFolder.open(path, 10);
  Deno.writeTextFileSync(`${path}/of the user`, "as large as it likes");
  await write(folder, "a", "123456");
  await assert.rejects(write(folder, "b", "12345"), {
    code: "exchange_full",
    message: /at most 10 bytes .* take 11$/,
  });
  await write(folder, "c", "1234");
  Deno.removeSync(`${path}/a`);
  await write(folder, "b", "12345");
  const both = [write(folder, "d", "1"), write(folder, "e", "1")];
  const results = await Promise.allSettled(both);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
});

Deno.test("ExchangeFolder stops when its folder is replaced", OWN, async () => {
  const path = newFolder();
  const inner = `${path}/inner`;
  Deno.mkdirSync(inner);
  const folder = await ExchangeFolder.open(inner, MIB);
  await write(folder, "a", "1");
  Deno.renameSync(inner, `${path}/moved`);
  await assert.rejects(read(folder, "a"), { code: "path_unsuitable" });
  Deno.mkdirSync(inner);
  Deno.writeTextFileSync(`${inner}/a`, "2");
  await assert.rejects(read(folder, "a"), { code: "path_unsuitable", message: /removed or replaced/ });
  await assert.rejects(write(folder, "b", "2"), { code: "path_unsuitable" });
  assert.deepEqual(namesIn(inner), ["a"]);
});

Deno.test(
  "ExchangeFolder removes what a crashed server left, and not what a live one writes",
  OWN,
  async () => {
    const path = newFolder();
    const [old, fresh, other] = [".omcp-export-00.part", ".omcp-export-01.part", ".other.part"];
    for (const name of [old, fresh, other]) Deno.writeTextFileSync(`${path}/${name}`, "");
    for (const name of [old, other]) Deno.utimeSync(`${path}/${name}`, 1, 1);
    await ExchangeFolder.open(path, MIB);
    assert.deepEqual(namesIn(path), [fresh, other]);
  },
);

Deno.test("ExchangeFolder follows no link and opens nothing but regular files", OWN, async () => {
  const path = linked.path;
  const folder = await ExchangeFolder.open(path, MIB);
  for (const name of linked.names) {
    await assert.rejects(folder.openFile(name), { code: "path_unsuitable" }, name);
    await assert.rejects(write(folder, name, "x"), { code: "file_exists" }, name);
    await assert.rejects(write(folder, name, "x", true), { code: "path_unsuitable" }, name);
  }
  assert.deepEqual(namesIn(path), linked.names);
});

Deno.test(
  "ExchangeFolder gives only the folder's own bytes while somebody swaps a file for a link",
  OWN,
  async () => {
    const path = swapped;
    const folder = await ExchangeFolder.open(path, 1000 * MIB);
    await swapping.write(Uint8Array.of(1));
    const outcomes = new Set<string>();
    for (let round = 0; round < 3000; round += 1) {
      outcomes.add(await read(folder, "x").catch((error) => String(error.code)));
      if (round % 10 === 0) await write(folder, "x", "inside", true).catch(() => {});
    }
    await swapping.close();
    const allowed = ["inside", "", "file_changed", "path_unsuitable", "file_not_found"];
    assert.deepEqual([...outcomes].filter((each) => !allowed.includes(each)), []);
    assert.ok(outcomes.has("path_unsuitable"), "a link was seen");
  },
);

Deno.test("what the tests could have written to is unchanged", async () => {
  await swapper.status;
  assert.deepEqual(namesIn(outside), ["secret.csv"]);
  assert.equal(await Deno.readTextFile(`${outside}/secret.csv`), "secret");
});

Deno.test("ExchangeFolder.open() refuses what is not a folder of its own that can be written to", async () => {
  const path = newFolder();
  await Deno.writeTextFile(`${path}/file`, "");
  await Deno.mkdir(`${path}/real`);
  await Deno.symlink(`${path}/real`, `${path}/link`);
  await Deno.mkdir(`${path}/real/sub`);
  const wrong: readonly [string, RegExp][] = [
    [`${path}/absent`, /No such file|ENOENT/],
    [`${path}/file`, /it is not a folder/],
    [`${path}/link`, /symbolic link to .*real/],
    [`${path}/link/sub`, /symbolic link to .*real\/sub/],
    ["/proc/self/fdinfo", /./],
  ];
  for (const [folder, why] of wrong) {
    await assert.rejects(ExchangeFolder.open(folder, MIB), { code: "config_invalid", message: why }, folder);
  }
});
