import assert from "node:assert/strict";
import { BASE_IMAGE, withEngine } from "../../fixtures/docker/support.ts";

/** A tar archive of small files (POSIX ustar), as one chunk. */
function tar(files: Readonly<Record<string, string>>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const blocks: Uint8Array[] = [];
  for (const [name, text] of Object.entries(files)) {
    const content = encoder.encode(text);
    const header = new Uint8Array(512);
    const fields: [number, string][] = [[0, name], [100, "0000644\0"], [108, "0000000\0"], [
      116,
      "0000000\0",
    ]];
    fields.push([124, content.byteLength.toString(8).padStart(11, "0") + "\0"], [136, "00000000000\0"]);
    fields.push([148, "        "], [156, "0"], [257, "ustar\x0000"]);
    for (const [offset, value] of fields) header.set(encoder.encode(value), offset);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(encoder.encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    const padded = new Uint8Array(Math.ceil(content.byteLength / 512) * 512);
    padded.set(content);
    blocks.push(header, padded);
  }
  blocks.push(new Uint8Array(1024));
  return ReadableStream.from(blocks);
}

Deno.test("importImage(), tagImage(), inspectImage() and removeImage() work on one image", () =>
  withEngine(async ({ engine, labels, name }) => {
    const [tag, other] = [`${name()}:1`, `${name()}:2`];
    const [[key, value]] = Object.entries(labels) as [[string, string]];
    try {
      const id = await engine.importImage(tar({ "hello": "x" }), {
        tag,
        changes: [`LABEL ${key}=${value}`, "USER 5"],
      });
      const image = await engine.inspectImage(tag);
      assert.equal(image?.id, id);
      assert.equal(image?.user, "5");
      await engine.tagImage(tag, other);
      assert.equal((await engine.inspectImage(other))?.id, id);
      assert.deepEqual((await engine.listImages({ labels })).map((found) => found.id), [id]);
    } finally {
      for (const reference of [tag, other, tag]) await engine.removeImage(reference);
    }
    assert.equal(await engine.inspectImage(tag), undefined);
    await assert.rejects(engine.tagImage(tag, other), { code: "image_missing" });
  }));

Deno.test("buildImage() builds from a tar stream, with progress, arguments and labels", () =>
  withEngine(async ({ engine, labels, name }) => {
    const tag = `${name()}:1`;
    const lines: string[] = [];
    const dockerfile = `FROM ${BASE_IMAGE}\nARG WORD\nENV WORD=$WORD\nRUN echo "the word is $WORD"\n`;
    try {
      const id = await engine.buildImage(tar({ "Dockerfile": dockerfile }), {
        tag,
        labels,
        buildArgs: { WORD: "öffne" },
        networkMode: "none",
        onProgress: (line) => lines.push(line),
      });
      const image = await engine.inspectImage(tag);
      assert.equal(image?.id, id);
      assert.deepEqual(image?.labels, labels);
      assert.ok(image?.env.includes("WORD=öffne"));
      assert.ok(lines.includes("the word is öffne"), lines.join("\n"));
    } finally {
      await engine.removeImage(tag);
    }
  }));

Deno.test("buildImage() reports why a build failed, although the HTTP status was 200", () =>
  withEngine(async ({ engine, name }) => {
    const files = { "Dockerfile": `FROM ${BASE_IMAGE}\nRUN exit 3\n` };
    await assert.rejects(engine.buildImage(tar(files), { tag: name(), networkMode: "none" }), {
      code: "engine_refused",
      message: /returned a non-zero code: 3/,
    });
    await assert.rejects(engine.buildImage(tar({ "Dockerfile": "NONSENSE\n" }), { tag: name() }), {
      message: /(unknown instruction|NONSENSE)/i,
    });
  }));

Deno.test("Engine creates, inspects, lists and removes a volume", () =>
  withEngine(async ({ engine, labels, name, create }) => {
    const volume = name();
    assert.equal(await engine.inspectVolume(volume), undefined);
    await engine.createVolume(volume, labels);
    assert.deepEqual((await engine.inspectVolume(volume))?.labels, labels);
    assert.deepEqual((await engine.listVolumes({ labels })).map((found) => found.name), [volume]);
    const id = await create(["true"], {
      HostConfig: { NetworkMode: "none", Mounts: [{ Type: "volume", Source: volume, Target: "/data" }] },
    });
    await assert.rejects(engine.removeVolume(volume), { code: "engine_conflict", message: /in use/ });
    await engine.removeContainer(id);
    assert.equal((await engine.inspectVolume(volume))?.name, volume);
    await engine.removeVolume(volume);
    await engine.removeVolume(volume);
    assert.equal(await engine.inspectVolume(volume), undefined);
  }));
