import assert from "node:assert/strict";
import { findImage } from "../../../src/app/sandbox_images.ts";
import type { ImageInfo } from "../../../src/runtime/mod.ts";

const ID = `sha256:${"1".repeat(64)}`;
const DIGEST = `sha256:${"2".repeat(64)}`;
const OTHER = `sha256:${"3".repeat(64)}`;

/** An engine with images by the names that it knows them by. */
function engine(images: Record<string, ImageInfo>) {
  return { inspectImage: (name: string) => Promise.resolve(images[name]) };
}

Deno.test("findImage() returns the id of what a name means now", async () => {
  assert.equal(await findImage(engine({ "a:1": { id: ID, digests: [] } }), "a:1"), ID);
  await assert.rejects(findImage(engine({}), "a:1"), {
    code: "image_missing",
    message: "The engine has no image a:1",
  });
});

Deno.test("findImage() accepts a registry's digest and the id of an image that was built", async () => {
  const pulled = engine({ [`a@${DIGEST}`]: { id: ID, digests: [OTHER, DIGEST] } });
  assert.equal(await findImage(pulled, `a@${DIGEST}`), ID);
  const built = engine({ [ID]: { id: ID, digests: [] } });
  assert.equal(await findImage(built, `a@${ID}`), ID);
});

Deno.test("findImage() refuses an image that is not the one that the digest pins", async () => {
  const wrong = engine({ [`a@${DIGEST}`]: { id: ID, digests: [OTHER] } });
  await assert.rejects(findImage(wrong, `a@${DIGEST}`), { code: "image_missing", message: /another digest/ });
  await assert.rejects(findImage(engine({ a: { id: ID, digests: [] } }), `a@${DIGEST}`), {
    code: "image_missing",
  });
});
