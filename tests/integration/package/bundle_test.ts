import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { type PackageFile, programFiles } from "../../../scripts/package/files.ts";
import { wheel } from "../../../scripts/package/wheel.ts";
import { PROJECT } from "../../fixtures/server.ts";

Deno.test("the same sources give the same packages, wherever they are, without a path of the machine", async () => {
  const elsewhere = await Deno.makeTempDir({ prefix: "omcp-elsewhere-" });
  try {
    for (const name of ["src", "images", "packaging", "deno.json", "deno.lock"]) {
      await cp(`${PROJECT}/${name}`, `${elsewhere}/${name}`, { recursive: true });
    }
    const here = await programFiles(PROJECT);
    assert.deepEqual(textsOf(await programFiles(elsewhere)), textsOf(here));
    for (const { path, text } of here) {
      for (const place of [PROJECT, `${Deno.env.get("HOME")}/.`, "/.cache/deno", "/omcp-package-"]) {
        assert.ok(!text.includes(place), `${path} has ${place}`);
      }
      // A path of the build machine ends in the name of a module.
      assert.doesNotMatch(text, /(?:file:\/\/|["'`/ ])\/[\w.@/-]+\.(?:ts|mjs|cjs)\b/, path);
    }
    // Each start waits for it: it has the settings, and neither sandboxes nor the broker.
    const permissions = here.find(({ path }) => path === "program/permissions.mjs");
    assert.ok(permissions !== undefined && permissions.text.length < 250_000);
    const texts = { license: "", readme: "" };
    assert.deepEqual(
      (await wheel(PROJECT, here, texts)).bytes,
      (await wheel(elsewhere, here, texts)).bytes,
    );
  } finally {
    await Deno.remove(elsewhere, { recursive: true });
  }
});

/** Path → text. */
function textsOf(files: readonly PackageFile[]): Map<string, string> {
  return new Map(files.map(({ path, text }) => [path, text]));
}
