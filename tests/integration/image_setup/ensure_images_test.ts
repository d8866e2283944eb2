import assert from "node:assert/strict";
import type { Engine } from "../../../src/docker/mod.ts";
import { tarStream } from "../../../src/image_setup/tar.ts";
import { type OtherVersion, otherVersion } from "../../fixtures/other_version.ts";
import { serveImage } from "../../fixtures/registry.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

const BUILD = { kind: "build" } as const;

function read(name: string): string | undefined {
  return Deno.env.get(name);
}

async function withOtherVersion(
  step: string,
  test: (version: OtherVersion) => Promise<void>,
): Promise<void> {
  const engine = await connectTestEngine();
  try {
    await using version = await otherVersion(engine, { step });
    await test(version);
  } finally {
    engine.close();
  }
}

Deno.test("two programs that lack the images at once build them once", () =>
  withOtherVersion("true", async ({ setup, identity, references, engine }) => {
    const lines: string[][] = [[], []];
    const results = await Promise.all(lines.map((own) =>
      setup.ensureImages(engine, ["python", "postgres"], {
        progress: (line) => own.push(line),
        read,
        source: BUILD,
      })
    ));
    assert.deepEqual(results.map(({ size }) => size).toSorted(), [0, 2]);
    const [waiting = [], building = []] = results[0]?.size === 0 ? lines : lines.toReversed();
    assert.deepEqual(waiting, ["another program provides the images; waiting for it"]);
    assert.ok(building.includes(`image python: building ${references.python}`), building.join("\n"));
    for (const kind of ["python", "postgres"] as const) {
      const image = await engine.inspectImage(references[kind]);
      assert.equal(image?.labels[identity.LABEL_CONTENT], identity.contentHash(kind));
    }
    const again = { progress: () => assert.fail("nothing is missing"), read, source: BUILD };
    assert.equal((await setup.ensureImages(engine, ["python", "postgres"], again)).size, 0);
  }));

Deno.test("a build that fails says which step and why, and the next call builds again", () =>
  withOtherVersion(
    "echo 'omcp: preparing the failure'; echo the reason; exit 3",
    async ({ setup, engine }) => {
      for (let round = 0; round < 2; round++) {
        await assert.rejects(
          setup.ensureImages(engine, ["postgres"], { progress: () => {}, read, source: BUILD }),
          (error: { code?: string; message: string; details: { log: string[] } }) => {
            assert.equal(error.code, "engine_refused");
            assert.match(error.message, /preparing the failure: exit code: 3/);
            return error.details.log.includes("the reason");
          },
        );
      }
    },
  ));

/** An image of one file, with the label that a program looks for. */
async function tinyImage(engine: Engine, tag: string, labels: Record<string, string>): Promise<void> {
  const text = new TextEncoder();
  const files = [
    { path: "Dockerfile", content: text.encode("FROM scratch\nCOPY hello /hello\n") },
    { path: "hello", content: text.encode(crypto.randomUUID()) },
  ];
  await engine.buildImage(tarStream(files), { tag, labels });
}

Deno.test("images are pulled from the registry by their digests, and have their names afterwards", () =>
  withOtherVersion("true", async ({ setup, identity, references, engine }) => {
    const tag = `omcp-test-registry:${crypto.randomUUID()}`;
    await tinyImage(engine, tag, { [identity.LABEL_CONTENT]: identity.contentHash("python") });
    await using registry = await serveImage(engine, tag);
    await engine.removeImage(tag);
    const pinned = `${registry.host}/site/omcp-python@${registry.digest}`;
    await setup.ensureImages(engine, ["python"], {
      progress: () => {},
      read,
      source: { kind: "registry", pinned: { python: pinned, postgres: pinned } },
    });
    const image = await engine.inspectImage(references.python);
    assert.equal(image?.labels[identity.LABEL_CONTENT], identity.contentHash("python"));
    assert.equal(await engine.inspectImage(pinned), undefined, "the registry's name is left");
  }));

Deno.test("an image of a registry that is another version's is refused and removed", () =>
  withOtherVersion("true", async ({ setup, references, engine }) => {
    const tag = `omcp-test-registry:${crypto.randomUUID()}`;
    await tinyImage(engine, tag, {});
    await using registry = await serveImage(engine, tag);
    await engine.removeImage(tag);
    const pinned = `${registry.host}/omcp-python@${registry.digest}`;
    const source = { kind: "registry", pinned: { python: pinned, postgres: pinned } } as const;
    await assert.rejects(setup.ensureImages(engine, ["python"], { progress: () => {}, read, source }), {
      code: "image_missing",
      message: /is not the one of this version/,
    });
    const unknown = `${registry.host}/omcp-python@sha256:${"0".repeat(64)}`;
    const absent = { kind: "registry", pinned: { ...source.pinned, python: unknown } } as const;
    await assert.rejects(
      setup.ensureImages(engine, ["python"], { progress: () => {}, read, source: absent }),
      { code: "image_missing", message: /Cannot pull/ },
    );
    for (const name of [references.python, pinned]) assert.equal(await engine.inspectImage(name), undefined);
  }));

Deno.test("a base image that cannot be pulled is an error with the command that creates it", async () => {
  const engine = await connectTestEngine();
  try {
    // The engine refuses the connection: nothing listens there.
    const reference = "127.0.0.1:9/omcp-test-absent:1";
    const { ensureBaseImage } = await import("../../../src/image_setup/mod.ts");
    await assert.rejects(
      ensureBaseImage(engine, { reference, progress: () => {} }),
      (error: { code?: string; next?: string }) =>
        error.code === "image_missing" && /task setup`, which can create it/.test(error.next ?? ""),
    );
    let created = "";
    await ensureBaseImage(engine, {
      reference,
      progress: () => {},
      bootstrap: (_engine, options) => {
        created = options.reference ?? "";
        return Promise.resolve();
      },
    });
    assert.equal(created, reference);
  } finally {
    engine.close();
  }
});
