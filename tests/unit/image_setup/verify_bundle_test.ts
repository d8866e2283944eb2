import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { OmcpError } from "../../../src/errors.ts";
import { verifyBundle } from "../../../src/image_setup/bundle.ts";
import { tarStream } from "../../../src/image_setup/tar.ts";

const REFERENCE = "omcp-python:0123456789ab";

interface File {
  readonly path: string;
  readonly content: Uint8Array;
}

function file(path: string, content: string | Uint8Array): File {
  return { path, content: typeof content === "string" ? new TextEncoder().encode(content) : content };
}

async function tar(files: readonly File[]): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(tarStream(files)).bytes();
}

/** As `docker save` writes it. */
async function savedImage(names: readonly string[], more: readonly File[] = []): Promise<File> {
  const manifest = JSON.stringify([{ Config: "c.json", RepoTags: names, Layers: ["l/layer.tar"] }]);
  const inner = await tar([file("l/layer.tar", "layer"), ...more, file("manifest.json", manifest)]);
  return file("images/python.tar.gz", new Uint8Array(gzipSync(inner)));
}

function description(change: Record<string, unknown> = {}): File {
  const images = [{ kind: "python", reference: REFERENCE, content: "0".repeat(64) }];
  return file("omcp-bundle.json", JSON.stringify({ format: 1, version: "1", images, ...change }));
}

function sums(files: readonly File[]): File {
  const lines = files.map(({ path, content }) =>
    `${createHash("sha256").update(content).digest("hex")}  ${path}\n`
  );
  return file("SHA256SUMS", lines.join(""));
}

async function bundle(files: readonly File[]): Promise<Uint8Array<ArrayBuffer>> {
  return await tar([...files, sums(files)]);
}

async function goodFiles(): Promise<File[]> {
  return [description(), file("omcp", "#!/bin/sh\n"), await savedImage([REFERENCE])];
}

async function verify(bytes: Uint8Array): Promise<Awaited<ReturnType<typeof verifyBundle>>> {
  const path = await Deno.makeTempFile({ prefix: "omcp-bundle-" });
  try {
    await Deno.writeFile(path, bytes);
    using opened = await Deno.open(path);
    return await verifyBundle(opened);
  } finally {
    await Deno.remove(path);
  }
}

async function refuses(bytes: Uint8Array, why: RegExp): Promise<void> {
  await assert.rejects(verify(bytes), (error: unknown) => {
    assert.ok(error instanceof OmcpError, String(error));
    assert.equal(error.code, "invalid_argument");
    assert.equal(error.state, "Nothing was loaded.");
    assert.match(error.message, why);
    return true;
  });
}

Deno.test("verifyBundle() says where each member is, and the SHA-256 of the whole", async () => {
  const bytes = await bundle(await goodFiles());
  const { description: found, members, sha256 } = await verify(bytes);
  assert.equal(found.images[0]?.reference, REFERENCE);
  assert.equal(sha256, createHash("sha256").update(bytes).digest("hex"));
  const program = members.get("omcp");
  assert.ok(program !== undefined);
  const content = bytes.subarray(program.offset, program.offset + program.size);
  assert.equal(new TextDecoder().decode(content), "#!/bin/sh\n");
});

Deno.test("verifyBundle() refuses an archive that ends early, wherever it ends", async () => {
  const bytes = await bundle(await goodFiles());
  for (let size = 0; size < bytes.length - 512; size += 173) {
    await refuses(bytes.subarray(0, size), /cannot be used/);
  }
});

Deno.test("verifyBundle() refuses an archive in which a byte of a member or its name is changed", async () => {
  const bytes = await bundle(await goodFiles());
  const good = await verify(bytes);
  let refused = 0;
  // The last 1024 bytes are the end mark.
  for (let at = 0; at < bytes.length - 1024; at += 37) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    const outcome = await verify(damaged).catch((error: unknown) => error);
    if (outcome instanceof Error) {
      assert.ok(outcome instanceof OmcpError, String(outcome));
      refused += 1;
      continue;
    }
    // Padding, or another way to write the same number: what is loaded is the same.
    assert.deepEqual({ ...good, sha256: "" }, { ...(outcome as typeof good), sha256: "" }, `at ${at}`);
    assert.notEqual((outcome as typeof good).sha256, good.sha256);
  }
  assert.ok(refused > 20, String(refused));
});

Deno.test("verifyBundle() refuses paths that lead out of a folder, links, and duplicate members", async () => {
  const files = await goodFiles();
  for (const path of ["a", "images/x", "program/omcp.mjs"]) {
    await verify(await bundle([...files, file(path, "x")]));
  }
  const base = await bundle([...files, file("program/omcp.mjs", "x")]);
  for (
    const path of [
      "../../etc/cron",
      "/etc/passwd12345",
      "program/../../x",
      "a/b/c/dddddddddd",
      ".hidden/xxxxxxxx",
    ]
  ) {
    await refuses(await withHeader(base, "program/omcp.mjs", { path: path.slice(0, 16) }), /a member named/);
  }
  for (const type of ["1", "2", "3", "5", "6"]) {
    await refuses(await withHeader(base, "program/omcp.mjs", { type }), /is not a regular file/);
  }
  for (const type of ["x", "g", "L", "K"]) {
    await refuses(await withHeader(base, "program/omcp.mjs", { type }), /extended headers/);
  }
  await refuses(await bundle([...files, file("omcp", "other")]), /"omcp" twice/);
});

/** Changes a header, with the checksum that it must have then. */
function withHeader(
  bytes: Uint8Array<ArrayBuffer>,
  path: string,
  change: { readonly path?: string; readonly type?: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const changed = bytes.slice();
  for (let at = 0; at < bytes.length; at += 512) {
    const header = changed.subarray(at, at + 512);
    if (new TextDecoder().decode(header.subarray(0, path.length)) !== path) continue;
    if (change.path !== undefined) {
      header.fill(0, 0, 100);
      header.set(encoder.encode(change.path), 0);
    }
    if (change.type !== undefined) header.set(encoder.encode(change.type), 156);
    header.set(encoder.encode("        "), 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(encoder.encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  }
  return Promise.resolve(changed);
}

Deno.test("verifyBundle() refuses what is not an archive of `omcp bundle`", async () => {
  await refuses(new Uint8Array(0), /ends without an end mark/);
  await refuses(await tar([]), /not one of `omcp bundle`/);
  await refuses(await tar([file("etc/passwd", "x")]), /not one of `omcp bundle`/);
  await refuses(new TextEncoder().encode("not a tar archive ".repeat(100)), /header/);
  await refuses(new Uint8Array(gzipSync(await bundle(await goodFiles()))), /header|ends/);
  for (const change of [{ format: 2 }, { images: "none" }, { more: 1 }]) {
    await refuses(await bundle([description(change)]), /not of the format/);
  }
  const whole = await bundle(await goodFiles());
  const appended = new Uint8Array(whole.length + 512);
  appended.set(whole);
  appended[whole.length + 3] = 1;
  await refuses(appended, /after its end mark/);
});

Deno.test("verifyBundle() refuses missing, additional and wrong checksums", async () => {
  const files = await goodFiles();
  await refuses(await tar(files), /not one of/);
  await refuses(await tar([...files, file("more", "x"), sums(files)]), /"more" differs/);
  await refuses(await tar([...files, sums([...files, file("gone", "x")])]), /"gone" differs/);
  await refuses(await tar([...files, sums(files), file("later", "x")]), /after its checksums/);
  await refuses(await tar([...files, file("SHA256SUMS", "nonsense\n")]), /wrong line/);
});

Deno.test("verifyBundle() refuses an image's file that holds other names or no image", async () => {
  async function withImage(image: File): Promise<Uint8Array> {
    return await bundle([description(), image]);
  }
  await refuses(await withImage(await savedImage([REFERENCE, "debian:trixie-slim"])), /holds "omcp-python/);
  await refuses(await withImage(await savedImage(["debian:trixie-slim"])), /holds "debian/);
  await refuses(await withImage(await savedImage([])), /holds ""/);
  const second = file("manifest.json", JSON.stringify([{ RepoTags: ["debian:trixie-slim"] }]));
  await refuses(await withImage(await savedImage([REFERENCE], [second])), /two manifests/);
  await refuses(await withImage(file("images/python.tar.gz", "no gzip")), /cannot be unpacked/);
  const empty = new Uint8Array(gzipSync(await tar([])));
  await refuses(await withImage(file("images/python.tar.gz", empty)), /holds no image/);
  await refuses(await bundle([description()]), /lacks images\/python/);
  await refuses(
    await bundle([
      file("omcp-bundle.json", JSON.stringify({ format: 1, version: "1", images: [] })),
      ...await goodFiles(),
    ]),
    /twice/,
  );
});
