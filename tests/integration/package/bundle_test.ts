import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { type PackageFile, programFiles } from "../../../scripts/package/files.ts";
import { BUNDLED_LICENSES } from "../../../scripts/package/about.ts";
import { notices, NOTICES_FILE } from "../../../scripts/package/notices.ts";
import { npmPackage } from "../../../scripts/package/npm.ts";
import { wheel } from "../../../scripts/package/wheel.ts";
import { PROJECT } from "../../fixtures/server.ts";

Deno.test("the same sources give the same packages, wherever they are, without a path of the machine", async () => {
  const elsewhere = await Deno.makeTempDir({ prefix: "omcp-elsewhere-" });
  try {
    for (const name of ["src", "images", "skills", "packaging", "deno.json", "deno.lock"]) {
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
    await assertNotices(here);
  } finally {
    await Deno.remove(elsewhere, { recursive: true });
  }
});

/** Every package has the licenses of what is bundled, and of what that was compiled from. */
async function assertNotices(files: readonly PackageFile[]): Promise<void> {
  const text = textsOf(files).get(NOTICES_FILE) ?? "";
  const [, ...parts] = text.split(/^={80}$/m);
  const names = parts.filter((_, at) => at % 2 === 0).map((title) => title.trim());
  for (const title of ["zod (MIT)", "@modelcontextprotocol/server (Apache-2.0)", "ajv (MIT)", "pg (MIT)"]) {
    assert.ok(names.includes(title), `no notice of ${title}`);
  }
  for (const title of ["libpg-query (MIT)", "libpg_query (BSD-3-Clause)", "PostgreSQL (PostgreSQL)"]) {
    assert.ok(names.includes(title), `no notice of ${title}`);
  }
  assert.deepEqual(names.filter((name) => /^(?:deno|fast-check|kysely-codegen)/i.test(name)), []);
  for (const [at, name] of names.entries()) {
    assert.ok(BUNDLED_LICENSES.some((license) => name.endsWith(` (${license})`)), name);
    assert.match(parts[2 * at + 1] ?? "", /copyright|licensed under/i, name);
  }
  const texts = { license: "", readme: "" };
  const npm = textsOf(await npmPackage(PROJECT, files, texts));
  assert.equal(npm.get(NOTICES_FILE), text);
  const listed: unknown = JSON.parse(npm.get("package.json") ?? "").files;
  assert.ok(Array.isArray(listed) && listed.includes(NOTICES_FILE));
  const archive = new TextDecoder("latin1").decode((await wheel(PROJECT, files, texts)).bytes);
  assert.match(archive, /omcp_python_sandbox-[\d.]+\.dist-info\/licenses\/THIRD_PARTY_NOTICES\.txt/);
  await assert.rejects(
    notices(PROJECT, ["/elsewhere/left-pad/index.js"], `${PROJECT}/packaging/notices`),
    /Cannot find the package of the bundled file \/elsewhere\/left-pad/,
  );
}

/** Path → text. */
function textsOf(files: readonly PackageFile[]): Map<string, string> {
  return new Map(files.map(({ path, text }) => [path, text]));
}
