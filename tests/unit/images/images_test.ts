import assert from "node:assert/strict";
import { imageFiles } from "../../../src/images/files.ts";
import { contentHash, imageReference } from "../../../src/images/identity.ts";
import { IMAGE_KINDS } from "../../../src/images/kinds.ts";
import { SAMPLE_FINGERPRINT } from "../../../src/images/sample_fingerprint.ts";
import { sampleFingerprint, superseded } from "../../../src/image_setup/mod.ts";

Deno.test("imageReference() names an image by the first digits of its content's hash", () => {
  for (const kind of IMAGE_KINDS) {
    assert.equal(imageReference(kind), `omcp-${kind}:${contentHash(kind).slice(0, 12)}`);
    assert.match(contentHash(kind), /^[0-9a-f]{64}$/);
  }
  assert.notEqual(contentHash("python"), contentHash("postgres"));
});

Deno.test("imageReference() needs no permission and is the same in another process", async () => {
  const main = new URL("../../../src/cli/setup/main.ts", import.meta.url).href;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", main, "--print"],
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(
    new TextDecoder().decode(stdout),
    `${imageReference("python")}\n${imageReference("postgres")}\n`,
  );
});

Deno.test("imageFiles() returns the files under images/, so that a manual build is the same", async () => {
  for (const kind of IMAGE_KINDS) {
    for (const file of imageFiles(kind)) {
      const path = new URL(`../../../images/${kind}/${file.path}`, import.meta.url);
      assert.equal(file.text, await Deno.readTextFile(path), file.path);
    }
  }
});

Deno.test("every file that a Dockerfile copies from the context is embedded", () => {
  for (const kind of IMAGE_KINDS) {
    const files = imageFiles(kind).map((file) => file.path);
    const dockerfile = imageFiles(kind).find((file) => file.path === "Dockerfile")?.text ?? "";
    const copied = [...dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? "").split(" ")
    );
    assert.ok(copied.length > 0);
    for (const name of copied) assert.ok(name.endsWith("/") || files.includes(name), name);
  }
});

Deno.test("both Dockerfiles begin with the same layer", () => {
  function system(kind: "python" | "postgres"): string | undefined {
    const text = imageFiles(kind).find((file) => file.path === "Dockerfile")?.text ?? "";
    return /^FROM debian:trixie-slim AS system\n[^]*?(?=\n\n)/m.exec(text)?.[0];
  }
  assert.ok(system("python")?.includes("apt-get install"));
  assert.equal(system("python"), system("postgres"));
});

Deno.test("requirements.txt pins every package with hashes and names no index", () => {
  const text = imageFiles("python").find((file) => file.path === "requirements.txt")?.text ?? "";
  const lines = text.replaceAll("\\\n", " ").split("\n").filter((line) => line !== "" && !/^\s*#/.test(line));
  assert.ok(lines.length > 40);
  for (const line of lines) {
    assert.match(line, /^[a-z0-9-]+==[0-9][^\s;]* +(?:--hash=sha256:[0-9a-f]{64} *)+$/);
  }
  assert.doesNotMatch(text, /index-url|find-links|https?:/);
});

Deno.test("superseded() keeps the current content and the newest two of the others", () => {
  function image(content: string, createdAt: number) {
    return {
      id: `sha256:${content}`,
      tags: [],
      labels: { "org.omcp.content": content },
      createdAt,
      sizeBytes: 1,
    };
  }
  const images = [image("now", 1), image("b", 20), image("a", 10), image("d", 40), image("c", 30)];
  assert.deepEqual(superseded(images, "now").map((one) => one.labels["org.omcp.content"]), ["b", "a"]);
});

Deno.test("SAMPLE_FINGERPRINT is the hash of the sample", () => {
  assert.equal(
    SAMPLE_FINGERPRINT,
    sampleFingerprint(),
    "The sample has changed: write the new hash into src/images/sample_fingerprint.ts",
  );
});
