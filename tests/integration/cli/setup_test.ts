import assert from "node:assert/strict";
import { generateSample, sampleHash } from "../../../src/image_setup/mod.ts";
import {
  contentHash,
  imageReference,
  LABEL_CONTENT,
  LABEL_IMAGE,
  LABEL_SAMPLE,
} from "../../../src/images/identity.ts";
import { IMAGE_KINDS } from "../../../src/images/kinds.ts";
import { tarStream } from "../../../src/image_setup/tar.ts";
import { removeSetUp } from "../../../src/cli/setup/remove.ts";
import { setUp } from "../../../src/cli/setup/setup.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

function read(name: string): string | undefined {
  return Deno.env.get(name);
}

Deno.test("setUp() provides both images under their names, and a second call has nothing to do", async () => {
  await setUp({ progress: () => undefined, read });
  const lines: string[] = [];
  const { images } = await setUp({ progress: (text) => lines.push(text), read });
  assert.deepEqual(lines, []);
  const engine = await connectTestEngine();
  try {
    for (const kind of IMAGE_KINDS) {
      assert.deepEqual(images[kind], { reference: imageReference(kind), built: false });
      const image = await engine.inspectImage(imageReference(kind));
      assert.equal(image?.labels[LABEL_IMAGE], kind);
      assert.equal(image.labels[LABEL_CONTENT], contentHash(kind));
    }
  } finally {
    engine.close();
  }
});

Deno.test("two calls of setUp() at once both succeed", async () => {
  const options = { progress: () => undefined, read };
  const [one, two] = await Promise.all([setUp(options), setUp(options)]);
  assert.deepEqual(one, two);
});

Deno.test("the image's sample equals the generator's; if not, raise SAMPLE_VERSION", async () => {
  await setUp({ progress: () => undefined, read });
  const engine = await connectTestEngine();
  try {
    const image = await engine.inspectImage(imageReference("postgres"));
    assert.equal(image?.labels[LABEL_SAMPLE], sampleHash(generateSample()));
  } finally {
    engine.close();
  }
});

Deno.test("removeSetUp() removes the images of a kind that no container uses, and names what stays", async () => {
  const kind = `test-${crypto.randomUUID()}`;
  const engine = await connectTestEngine();
  const [free, used] = ["free", "used"].map((tag) => `omcp-${kind}:${tag}`);
  assert.ok(free !== undefined && used !== undefined);
  for (const tag of [free, used]) {
    const dockerfile = `FROM scratch\nLABEL ${LABEL_IMAGE}=${kind} tag=${tag}\nCMD ["none"]\n`;
    const content = new TextEncoder().encode(dockerfile);
    await engine.buildImage(tarStream([{ path: "Dockerfile", content }]), { tag });
  }
  const container = await engine.createContainer({ Image: used }, { name: kind });
  try {
    const lines: string[] = [];
    await removeSetUp({ progress: (line) => lines.push(line), read }, [kind]);
    assert.ok(lines.includes(`removed the image ${free}`), lines.join("\n"));
    assert.ok(
      lines.some((line) => line.startsWith(`the image ${used} stays: a container uses it`)),
      lines.join("\n"),
    );
    assert.equal(await engine.inspectImage(free), undefined);
    assert.ok(await engine.inspectImage(used));
    await engine.removeContainer(container);
    await removeSetUp({ progress: () => {}, read }, [kind]);
    assert.equal(await engine.inspectImage(used), undefined);
    await removeSetUp({ progress: (line) => lines.push(line), read }, [kind]);
    assert.ok(lines.includes("there is no image of this program"));
  } finally {
    await engine.removeContainer(container).catch(() => {});
    for (const name of [free, used]) await engine.removeImage(name).catch(() => {});
    engine.close();
  }
});
