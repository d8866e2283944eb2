import assert from "node:assert/strict";
import { zip } from "../../../../scripts/package/zip.ts";
import { programOutput } from "../../../fixtures/program_output.ts";

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
  const { code, stdout, stderr } = await programOutput("python3", ["-c", CHECK], { input: archive });
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    JSON.parse(stdout),
    Object.fromEntries(entries.map(({ path, content }) => [path, content.toHex()])),
  );
});
