import assert from "node:assert/strict";
import { fileUri, readFileUri } from "../../../src/mcp/file_uri.ts";
import { linksFor, withLinks } from "../../../src/mcp/resource_links.ts";

const ID = `sbx_${"0123456789abcdef".repeat(2)}`;
const TEXT = { content: [{ type: "text" as const, text: "[ok]" }] };

function files(...changed: string[]) {
  return { files: { changed, count: changed.length, complete: true }, kernel: "kept" as const };
}

Deno.test("a file's URI reads back as its path, whatever it is named", () => {
  for (
    const path of ["a.csv", "d/e f/ü€😀", "100%/a?b#c", 'q"uote\\', "%2e%2e/x", " lead", "tab\tand\nline"]
  ) {
    const uri = fileUri(ID, path);
    assert(uri !== undefined);
    assert.deepEqual(readFileUri(new URL(uri)), { sandboxId: ID, path });
  }
  assert.equal(fileUri(ID, "\udcff"), undefined);
});

Deno.test("a result has at most five links; it has none to names that are not UTF-8, and none if the kernel is unknown", () => {
  const names = ["\ufffd", ...Array.from({ length: 9 }, (_, n) => `${n}.png`)];
  const { content } = withLinks(TEXT, files(...names), ID);
  assert.deepEqual(content.map(({ type }) => type), [
    "text",
    ...Array.from({ length: 5 }, () => "resource_link"),
  ]);
  assert.deepEqual(content[1], {
    type: "resource_link",
    uri: `sandbox://${ID}/files/0.png`,
    name: "0.png",
    mimeType: "image/png",
  });
  assert.deepEqual(withLinks(TEXT, { ...files("a"), kernel: "unknown" }, ID), TEXT);
  assert.deepEqual(withLinks(TEXT, files("a"), undefined), TEXT);
});

Deno.test("a client of a version of MCP without links gets none", () => {
  const linked = withLinks(TEXT, files("a"), ID);
  for (const version of ["2024-11-05", "2025-03-26", undefined]) {
    assert.deepEqual(linksFor(version, linked), TEXT);
  }
  for (const version of ["2025-06-18", "2025-11-25", "2026-07-28"]) {
    assert.equal(linksFor(version, linked), linked);
  }
});
