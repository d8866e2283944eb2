/** Servers whose engine lacks the images: a copy of the program with images of its own. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectedServer, connectServer, sandboxIdIn } from "../../../src/cli/demo/client.ts";
import type { LaunchOptions } from "../../../src/app/launch.ts";
import type { Engine } from "../../../src/docker/mod.ts";
import { LABEL_LOCK } from "../../../src/image_setup/engine_lock.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type OtherVersion, otherVersion } from "../../fixtures/other_version.ts";
import { assertNothingLeft, connectTestEngine, newInstance, WITHOUT_POOL } from "../../fixtures/server.ts";

/** More than a build of the small images takes on a busy machine. */
const ROUNDS = 240;

/** Runs a test with servers of the copy. */
async function withCopies(
  step: string,
  count: number,
  test: (servers: readonly ConnectedServer[], version: OtherVersion, engine: Engine) => Promise<void>,
  environment: Record<string, string> = {},
  permissions: Omit<LaunchOptions, "project"> = {},
): Promise<void> {
  const engine = await connectTestEngine();
  const instances = Array.from({ length: count }, newInstance);
  try {
    await using version = await otherVersion(engine, { step });
    const launch: LaunchOptions = { project: version.project, ...permissions };
    const servers = await Promise.all(
      instances.map((instance) =>
        connectServer(
          { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance, ...WITHOUT_POOL, ...environment },
          launch,
        )
      ),
    );
    try {
      await test(servers, version, engine);
    } finally {
      // A test may have closed one itself.
      await Promise.allSettled(servers.map((server) => server.close()));
    }
    for (const instance of instances) await assertNothingLeft(await connectTestEngine(), instance);
  } finally {
    engine.close();
  }
}

/** Repeats a creation while images are being built; returns the first other answer, and the answers before it. */
async function createWhenBuilt(server: ConnectedServer): Promise<{ text: string; before: string[] }> {
  const before: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { text } = await server.call("create_sandbox", {});
    if (!text.startsWith("Error image_building")) return { text, before };
    before.push(text);
    await delay(250);
  }
  throw new Error(`still building: ${before.at(-1)}`);
}

Deno.test("two servers that lack the images answer image_building while one builds them, and then work", () =>
  withCopies("echo 'omcp: waiting for the test'; sleep 5", 2, async (servers, version, engine) => {
    // A list does not need an image.
    assert.ok((await servers[0]?.tools())?.includes("create_sandbox"));
    const answers = await Promise.all(servers.map(createWhenBuilt));
    for (const { before } of answers) {
      const [first = ""] = before;
      assert.match(
        first,
        /^Error image_building: omcp-python:[0-9a-f]{12} and omcp-postgres:[0-9a-f]{12} are being built, for \d+ s so far: /,
      );
      assert.match(first, /Repeat the call in 30 s\. This happens once, and takes a few minutes\./);
      assert.match(first, /Nothing was started; the work on the image goes on\./);
    }
    const all = answers.flatMap(({ before }) => before).join("\n");
    assert.match(all, /another program provides the images; waiting for it/);
    assert.match(all, /waiting for the test/);
    for (const [index, { text }] of answers.entries()) {
      const sandbox_id = sandboxIdIn(text);
      const code = 'import os; print(6 * 7, os.path.exists("/opt/venv/lib/python3.13/site-packages/pandas"))';
      const cell = await servers[index]?.call("execute_python_code", { sandbox_id, code });
      // The small image, not the one of this checkout.
      assert.match(cell?.text ?? "", /^42 False$/m);
    }
    for (const name of Object.values(version.references)) assert.ok(await engine.inspectImage(name));
  }));

Deno.test("a failed build is reported by a call with its reason, and the next call builds again", () =>
  withCopies("echo 'omcp: preparing the failure'; echo the reason; exit 3", 1, async ([server]) => {
    assert.ok(server !== undefined);
    for (let round = 0; round < 2; round++) {
      const { text } = await createWhenBuilt(server);
      assert.match(text, /^Error engine_refused: [^]*preparing the failure: exit code: 3/);
      assert.match(text, /The next call tries again\./);
    }
  }, { OMCP_DATABASE_URL: "none" }));

Deno.test("a server that ends during a build leaves neither a step nor the lock", () =>
  withCopies("echo 'omcp: waiting for the test'; sleep 300", 1, async ([server], { label }, engine) => {
    assert.ok(server !== undefined);
    async function steps(): Promise<number> {
      return (await engine.listContainers({ labels: { [label]: "" } })).length;
    }
    async function holders(): Promise<string[]> {
      const volumes = await engine.listVolumes({ labels: { [LABEL_LOCK]: "" } });
      return volumes.flatMap(({ labels }) => labels[LABEL_LOCK] ?? []);
    }
    assert.match((await server.call("create_sandbox", {})).text, /^Error image_building/);
    await eventually(async () => await steps() > 0, "the step runs", 60_000);
    // While it builds, the lock is this server's.
    const held = await holders();
    assert.ok(held.length > 0);
    await server.close();
    await eventually(async () => await steps() === 0, "the step ends");
    await eventually(
      async () => {
        const now = await holders();
        return !held.some((holder) => now.includes(holder));
      },
      "the lock is released",
      20_000,
    );
  }, { OMCP_DATABASE_URL: "none" }));

Deno.test("a damaged archive in OMCP_IMAGE_FILE is reported by the call, and nothing of it is loaded", async () => {
  const archive = await Deno.makeTempFile({ prefix: "omcp-bundle-" });
  try {
    await Deno.writeTextFile(archive, "not an archive ".repeat(1000));
    const test: Parameters<typeof withCopies>[2] = async ([server], { references }, engine) => {
      assert.ok(server !== undefined);
      const { text } = await createWhenBuilt(server);
      assert.match(text, /^Error invalid_argument: The archive cannot be used: /);
      assert.match(text, /Nothing was loaded\./);
      for (const name of Object.values(references)) assert.equal(await engine.inspectImage(name), undefined);
    };
    await withCopies("true", 1, test, { OMCP_IMAGE_FILE: archive }, { imageFile: archive });
  } finally {
    await Deno.remove(archive);
  }
});
