import assert from "node:assert/strict";
import { volumeName } from "../../../src/cdm/local_name.ts";
import { runCdmCommand } from "../../../src/cli/cdm.ts";
import { LABEL_CDM_VERSION } from "../../../src/cdm/local_cdm.ts";
import { listLocalCdms, removeLocalCdm, ROLE_CDM } from "../../../src/cdm/local_store.ts";
import type { Engine } from "../../../src/docker/mod.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { LABEL_CREATED, LABEL_INSTANCE, LABEL_ROLE } from "../../../src/runtime/mod.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { newCdmName } from "../../fixtures/cdm/command.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

const LABEL_TEST = "org.omcp.test";
const CREATED = "2026-01-02T03:04:05.678Z";

interface Fixture {
  readonly engine: Engine;
  /** Has the labels of a local CDM. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Runs a test with names of its own, and removes the objects that have its label. */
async function withFixture(test: (fixture: Fixture) => Promise<void>): Promise<void> {
  const engine = await connectTestEngine();
  const labels = { [LABEL_TEST]: crypto.randomUUID() };
  const name = newCdmName();
  try {
    await test({ engine, name, labels });
  } finally {
    for (const { id } of await engine.listContainers({ labels, all: true })) await engine.removeContainer(id);
    for (const volume of await engine.listVolumes({ labels })) await engine.removeVolume(volume.name);
    engine.close();
  }
}

/** Creates a volume with the labels of a load. */
async function createCdm({ engine, name, labels }: Fixture): Promise<void> {
  await engine.createVolume(volumeName(name), {
    ...labels,
    [LABEL_ROLE]: ROLE_CDM,
    [LABEL_CDM_VERSION]: "5.3",
    [LABEL_CREATED]: CREATED,
  });
}

/** Creates a container that mounts the volume; it uses the volume even if it is never started. */
async function mount({ engine, name, labels }: Fixture, started: boolean): Promise<string> {
  const id = await engine.createContainer({
    Image: imageReference("postgres"),
    Entrypoint: [],
    Cmd: ["sleep", "60"],
    Labels: { ...labels, [LABEL_INSTANCE]: `instance-${name}` },
    HostConfig: {
      Mounts: [{ Type: "volume", Source: volumeName(name), Target: "/data" }],
      NetworkMode: "none",
    },
  }, { name: `omcp-test-${name}` });
  if (started) await engine.startContainer(id);
  return id;
}

function read(variable: string): string | undefined {
  return Deno.env.get(variable);
}

async function cdm(...args: string[]): Promise<string> {
  const lines: string[] = [];
  assert.equal(await runCdmCommand(args, read, (line) => lines.push(line)), 0);
  return lines.join("\n");
}

Deno.test("listLocalCdms() reports version, creation, size and users", async () => {
  await withFixture(async (fixture) => {
    const { engine, name } = fixture;
    await createCdm(fixture);
    const free = (await listLocalCdms(new DockerRuntime(engine))).find((found) => found.name === name);
    assert.deepEqual({ ...free, bytes: 0 }, {
      name,
      version: "5.3",
      created: CREATED,
      bytes: 0,
      loaded: true,
      users: [],
    });
    assert.match(
      await cdm("list"),
      new RegExp(`^local:${name} +5\\.3 +2026-01-02T03:04:05 .* loaded +-$`, "m"),
    );

    await mount(fixture, true);
    const used = (await listLocalCdms(new DockerRuntime(engine))).find((found) => found.name === name);
    const user = { container: `omcp-test-${name}`, instance: `instance-${name}`, state: "running" };
    assert.deepEqual(used?.users, [user]);
    assert.match(
      await cdm("list"),
      new RegExp(`^local:${name} .* omcp-test-${name} of instance instance-${name}$`, "m"),
    );
  });
});

Deno.test("listLocalCdms() ignores volumes without the role label or without a valid name", async () => {
  await withFixture(async ({ engine, name, labels }) => {
    await engine.createVolume(volumeName(name), labels);
    await engine.createVolume(name, { ...labels, [LABEL_ROLE]: ROLE_CDM });
    const names = (await listLocalCdms(new DockerRuntime(engine))).map((found) => found.name);
    assert.deepEqual(names.filter((found) => found.includes(name) || name.includes(found)), []);
  });
});

for (const started of [true, false]) {
  Deno.test(`omcp cdm remove refuses while a container that ${started ? "runs" : "was never started"} mounts it`, async () => {
    await withFixture(async (fixture) => {
      const { engine, name } = fixture;
      await createCdm(fixture);
      const id = await mount(fixture, started);
      await assert.rejects(cdm("remove", `local:${name}`), {
        code: "cdm_in_use",
        message: new RegExp(`omcp-test-${name}`),
        state: "It is untouched.",
      });
      assert.ok(await engine.inspectVolume(volumeName(name)));

      await engine.removeContainer(id);
      assert.equal(await cdm("remove", `local:${name}`), `Removed local:${name}`);
      assert.equal(await engine.inspectVolume(volumeName(name)), undefined);
      await assert.rejects(cdm("remove", `local:${name}`), {
        code: "invalid_argument",
        message: /no local CDM/,
      });
    });
  });
}

Deno.test("removeLocalCdm() does not touch a volume of another program", async () => {
  await withFixture(async ({ engine, name, labels }) => {
    await engine.createVolume(volumeName(name), { ...labels, [LABEL_ROLE]: "other" });
    await assert.rejects(removeLocalCdm(new DockerRuntime(engine), name), {
      code: "invalid_argument",
      state: "It is untouched.",
    });
    assert.ok(await engine.inspectVolume(volumeName(name)));
  });
});
