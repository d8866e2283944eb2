import assert from "node:assert/strict";
import { chooseApiVersion } from "../../../src/docker/api_version.ts";
import { sanitizeMessage } from "../../../src/docker/engine_errors.ts";
import { checkImage, checkName, splitTag } from "../../../src/docker/names.ts";

Deno.test("checkName() refuses names that could be a path, a query or an option", () => {
  for (
    const name of [
      "",
      "../x",
      "a/b",
      "%2e%2e",
      "x?force=1",
      "a b",
      "-x",
      ".",
      "a\0",
      "a\n",
      "ü",
      "a".repeat(129),
    ]
  ) {
    assert.throws(() => checkName("container", name), { code: "invalid_argument" }, name);
  }
  for (const name of ["a", "omcp-1_x.y", "0123456789abcdef"]) assert.equal(checkName("volume", name), name);
});

Deno.test("checkImage() accepts only references and ids", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const good = [
    "debian",
    "debian:trixie-slim",
    "host:5000/a/b_c:v1",
    `debian@${digest}`,
    digest,
    "a.b/c",
    "localhost/x:1",
  ];
  for (const image of good) assert.equal(checkImage(image), image);
  const bad = [
    "",
    "--privileged",
    "../x",
    "a/../b",
    "a//b",
    "a?b",
    "A B",
    "debian:",
    "x:y:z",
    "a@sha256:1",
    "a".repeat(600),
  ];
  for (const image of bad) assert.throws(() => checkImage(image), { code: "invalid_argument" }, image);
});

Deno.test("splitTag() distinguishes a tag from a port", () => {
  assert.deepEqual(splitTag("debian"), { repository: "debian", tag: "latest" });
  assert.deepEqual(splitTag("host:5000/x"), { repository: "host:5000/x", tag: "latest" });
  assert.deepEqual(splitTag("host:5000/x:1"), { repository: "host:5000/x", tag: "1" });
  assert.throws(() => splitTag(`x@sha256:${"a".repeat(64)}`), { code: "invalid_argument" });
});

Deno.test("chooseApiVersion() chooses the newest version that engine and program support", () => {
  assert.equal(chooseApiVersion("1.41", "1.12"), "1.41");
  assert.equal(chooseApiVersion("1.47", undefined), "1.47");
  assert.equal(chooseApiVersion("1.99", "1.44"), "1.51");
  assert.throws(() => chooseApiVersion("1.40", "1.12"), /supports API 1\.40, and at least 1\.41 is required/);
  assert.throws(() => chooseApiVersion("1.9", "1.1"), { code: "engine_refused" });
  assert.throws(() => chooseApiVersion("1.99", "1.60"), { code: "engine_refused" });
});

Deno.test("sanitizeMessage() keeps the engine's message on one bounded line", () => {
  assert.equal(sanitizeMessage("a\n\u001b[31mb\u0007."), "a [31mb");
  assert.match(sanitizeMessage("x".repeat(5000)), /^x{2000}… \(3000 characters more\)$/);
});
