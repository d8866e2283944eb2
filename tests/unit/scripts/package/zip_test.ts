import assert from "node:assert/strict";
import { zip } from "../../../../scripts/package/zip.ts";

const CHECK = `
import io, json, sys, zipfile
with zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())) as archive:
    assert archive.testzip() is None
    print(json.dumps({info.filename: archive.read(info).hex() for info in archive.infolist()}))
`;

Deno.test("zip() writes what Python's zipfile reads, always the same", async () => {
  const entries = [
    { path: "a/empty", content: new Uint8Array() },
    { path: "ä.txt", content: new TextEncoder().encode("text ".repeat(1000)) },
    { path: "bytes", content: crypto.getRandomValues(new Uint8Array(60_000)) },
  ];
  const archive = zip(entries);
  assert.deepEqual(zip(entries), archive);
  const child = new Deno.Command("python3", { args: ["-c", CHECK], stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(archive);
  await writer.close();
  const { success, stdout } = await child.output();
  assert.ok(success);
  assert.deepEqual(
    JSON.parse(new TextDecoder().decode(stdout)),
    Object.fromEntries(entries.map(({ path, content }) => [path, content.toHex()])),
  );
});
