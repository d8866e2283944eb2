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
