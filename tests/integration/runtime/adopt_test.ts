/** A running container changes hands: another server attaches to its agent, and nothing in it is lost. */
import assert from "node:assert/strict";
import { sandboxBootConfig } from "../../../src/agent_protocol/mod.ts";
import type { Engine } from "../../../src/docker/mod.ts";
import { LOADER_COMMAND } from "../../../src/guest/mod.ts";
import {
  adoptAgentContainer,
  type Attachment,
  type ContainerSpec,
  labelsOf,
  startAgentContainer,
} from "../../../src/runtime/mod.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { sandboxContainerSpec } from "../../../src/sandbox/policy.ts";
import { Sandbox } from "../../../src/sandbox/mod.ts";
import { PYTHON_IMAGE } from "../../fixtures/images.ts";
import { TEST_POLICY } from "../../fixtures/oci_runtime.ts";
import { runtimeOver } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, newInstance } from "../../fixtures/server.ts";

const CELL = { timeoutMs: 30_000, outputBytes: 1000 };
const UID = 60_002;

interface Scene {
  readonly engine: Engine;
  readonly name: string;
  readonly spec: ContainerSpec;
  /** Starts a container and runs a cell in it, as a server that then dies: its attach ends, nothing is removed. */
  leave(code: string): Promise<{ readonly lastSeq: number }>;
}

async function withScene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const name = `omcp-${instance}`;
  const spec = sandboxContainerSpec(TEST_POLICY, {
    image: PYTHON_IMAGE,
    uid: UID,
    labels: labelsOf({ instance, role: "sandbox", name: instance, version: "0" }),
    env: { HOME: "/tmp/home" },
    command: LOADER_COMMAND,
  });
  async function leave(code: string): Promise<{ readonly lastSeq: number }> {
    let attachment: Attachment | undefined;
    const runtime = new DockerRuntime(engine);
    const container = await startAgentContainer({
      runtime: runtimeOver(engine, {
        attach: async (id, call) => attachment = await runtime.attach(id, call),
        removeContainer: () => Promise.resolve(),
      }),
      name,
      spec,
      config: sandboxBootConfig({ leaseSeconds: 60, services: [], preload: [] }),
    });
    const { lastSeq } = await run(container, code).then(() => container.channel);
    attachment?.close();
    await container.ended;
    return { lastSeq };
  }
  try {
    await test({ engine, name, spec, leave });
  } finally {
    await engine.removeContainer(name);
    await assertNothingLeft(engine, instance);
  }
}

async function run(
  container: Awaited<ReturnType<typeof adoptAgentContainer>>,
  code: string,
): Promise<string> {
  const sandbox = new Sandbox({
    image: "image",
    id: "adopted",
    container,
    idleMs: 60_000,
    lifetimeMs: 60_000,
    kernelStarted: Promise.resolve(),
  });
  const { outputs } = await sandbox.execute(code, CELL);
  return JSON.stringify(outputs);
}

Deno.test("adoptAgentContainer() takes over a container whose server died, with its variables", async () => {
  await withScene(async ({ engine, name, spec, leave }) => {
    const { lastSeq } = await leave("kept = 41");
    const container = await adoptAgentContainer({
      runtime: new DockerRuntime(engine),
      name,
      spec,
      afterSeq: lastSeq,
    });
    assert.match(await run(container, "kept + 1"), /42/);
    assert.ok(await container.remove("the test is over").within(10_000));
  });
});

Deno.test("adoptAgentContainer() removes a container that is not confined as specified", async () => {
  await withScene(async ({ engine, name, spec, leave }) => {
    await leave("1");
    const stricter = { ...spec, limits: { ...spec.limits, pids: spec.limits.pids - 1 } };
    await assert.rejects(
      adoptAgentContainer({ runtime: new DockerRuntime(engine), name, spec: stricter }),
      { code: "sandbox_unsafe", message: /the process limit is 256 instead of 255/ },
    );
    await assert.rejects(engine.inspectContainer(name), { code: "engine_not_found" });
  });
});

Deno.test("adoptAgentContainer() removes a container of another OCI runtime than specified", async () => {
  await withScene(async ({ engine, name, spec, leave }) => {
    await leave("1");
    const other = { ...spec, ociRuntime: "runsc" };
    await assert.rejects(
      adoptAgentContainer({ runtime: new DockerRuntime(engine), name, spec: other }),
      { code: "sandbox_unsafe", message: /the OCI runtime is runc instead of runsc/ },
    );
    await assert.rejects(engine.inspectContainer(name), { code: "engine_not_found" });
  });
});

Deno.test("adoptAgentContainer() does not find a container that has ended", async () => {
  await withScene(async ({ engine, name, spec }) => {
    await assert.rejects(adoptAgentContainer({ runtime: new DockerRuntime(engine), name, spec }), {
      code: "engine_not_found",
    });
  });
});
