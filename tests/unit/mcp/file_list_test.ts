import assert from "node:assert/strict";
import { fileList } from "../../../src/mcp/file_list.ts";

const space = { size: 1024, free: 512, names: 10 };

Deno.test("a list that is cut advises to list a folder only where there is one", () => {
  const entry = { path: "a", kind: "file", size: 1, modifiedMs: 0, target: null } as const;
  const list = {
    entries: [entry],
    files: 301,
    folders: 0,
    links: 0,
    others: 0,
    bytes: 301,
    closedFolders: 0,
    complete: true,
  };
  const options = { space, recursive: false, characters: 1000 };
  assert.match(fileList("/workspace", list, options), /\n\[the first 1 of 301 are shown; use a cell\]$/);
  assert.match(
    fileList("/workspace", { ...list, folders: 1 }, options),
    /\n\[the first 1 of 302 are shown; list one of its folders, or use a cell\]$/,
  );
  assert.match(
    fileList("/workspace", list, { ...options, space: { ...space, names: 0 } }),
    /are free, but it can hold no more files\n/,
  );
});
