import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import type { TarItem } from "../../../src/image_setup/tar.ts";
import { tarStream } from "../../../src/image_setup/tar.ts";

const LONG = `${"folder-of-some-length/".repeat(8)}a-file-in-it.txt`;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function archive(items: readonly TarItem[]): Promise<Uint8Array> {
  return await new Response(tarStream(items)).bytes();
}

/** Runs the system's tar on an archive in a folder of its own, and returns its output. */
async function tar(
  content: Uint8Array,
  args: readonly string[],
  look: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/archive.tar`, content);
    await Deno.mkdir(`${folder}/out`);
    const { stdout, stderr, success } = await new Deno.Command("tar", {
      args: [...args, "-f", `${folder}/archive.tar`, "-C", `${folder}/out`],
      env: { LC_ALL: "C.UTF-8", TZ: "UTC" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await look(`${folder}/out`);
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tarStream() writes archives that the system's tar extracts byte for byte", async () => {
  const contents = new Map([
    ["empty", new Uint8Array()],
    ["sub/one-block", new Uint8Array(512).fill(7)],
    ["sub/one-more", new Uint8Array(513).fill(9)],
    ["sub/größe.txt", bytes("zwölf\n")],
    [LONG, bytes("deep\n")],
  ]);
  const items = [...contents].map(([path, content]) => ({ path, content }));
  await tar(await archive(items), ["-x"], async (folder) => {
    for (const [path, content] of contents) {
      assert.deepEqual(await Deno.readFile(`${folder}/${path}`), content);
    }
  });
});

Deno.test("tarStream() keeps modes and empty folders, and writes neither owner nor time", async () => {
  const content = await archive([{ folder: "sample" }, {
    path: "run.sh",
    content: bytes("true\n"),
    mode: 0o755,
  }]);
  const listing = await tar(content, ["-t", "-v", "--numeric-owner"], () => Promise.resolve());
  assert.deepEqual(listing.trim().split("\n").map((line) => line.replace(/ +/g, " ")), [
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 sample/",
    "-rwxr-xr-x 0/0 5 1970-01-01 00:00 run.sh",
  ]);
});

Deno.test("tarStream() writes the same bytes for the same items", async () => {
  const items = [{ path: "a", content: bytes("1") }, { path: "b", content: bytes("2") }];
  assert.deepEqual(await archive(items), await archive(items));
});

for (const path of ["/etc/passwd", "../up", "a/../b", "a//b", "", "a\0b", `${"x".repeat(101)}`]) {
  Deno.test(`tarStream() refuses the path ${JSON.stringify(path.slice(0, 12))}`, async () => {
    await assert.rejects(
      archive([{ path, content: new Uint8Array() }]),
      (error: unknown) => error instanceof OmcpError && error.code === "invalid_argument",
    );
  });
}
