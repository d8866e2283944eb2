import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { createContainerRequest, DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { labelsOf, type ListOptions, removeOrphans } from "../../../src/runtime/mod.ts";
import type { SandboxManager, SandboxManagerOptions } from "../../../src/sandbox/mod.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { runtimeOver, sandboxManager } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, newInstance } from "../../fixtures/server.ts";

/** Runs a test with a manager over the real engine, in which one call can be made to fail. */
async function withManager(
  change: {
    readonly fail?: "attach" | "startContainer";
    readonly beforeStart?: () => void;
    readonly options?: Partial<SandboxManagerOptions>;
  },
  test: (manager: SandboxManager) => Promise<void>,
): Promise<void> {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const runtime = runtimeOver(engine, {
    startContainer: (id, call) => {
      change.beforeStart?.();
      return change.fail === "startContainer" ? broken() : engine.startContainer(id, call);
    },
    attach: (id, call) => change.fail === "attach" ? broken() : engine.attach(id, call),
  });
  const manager = sandboxManager(runtime, instance, { maxSandboxes: 2, ...change.options });
  try {
    await test(manager);
  } finally {
    await manager.close();
  }
  await assertNothingLeft(engine, instance);
}

function broken(): Promise<never> {
  return Promise.reject(new OmcpError("engine_failed", "Broken on purpose"));
}

for (const fail of ["attach", "startContainer"] as const) {
  Deno.test(`a creation that fails at ${fail} leaves no container and frees its slot`, async () => {
    await withManager({ fail }, async (manager) => {
      for (let n = 0; n < 4; n += 1) {
        await assert.rejects(
          manager.create(),
          (error) => error instanceof OmcpError && error.code === "engine_failed",
        );
      }
      assert.deepEqual(manager.list(true), []);
    });
  });
}

Deno.test("a sandbox that is not confined as the policy says is not handed out", async () => {
  const engine = await connectTestEngine();
  const loose = runtimeOver(engine, {
    createContainer: (spec, options) => {
      const request = createContainerRequest(spec);
      const HostConfig = { ...request.HostConfig, ReadonlyRootfs: false, PidsLimit: 0 };
      return engine.createContainer({ ...request, HostConfig }, options);
    },
  });
  await withManager({ options: { runtime: loose } }, async (manager) => {
    await assert.rejects(manager.create(), (error) => {
      assert.ok(error instanceof OmcpError);
      assert.equal(error.code, "sandbox_unsafe");
      assert.match(error.message, /root|read-only/i);
      return true;
    });
  });
});

Deno.test("an image without IPython, or without Python, is a clear error", async () => {
  await withManager({ options: { image: imageReference("postgres") } }, async (manager) => {
    await assert.rejects(manager.create(), (error) => {
      assert.ok(error instanceof OmcpError);
      assert.equal(error.code, "kernel_unavailable");
      assert.match(`${error.message} ${error.next}`, /ipython/i);
      return true;
    });
  });
  await withManager({ options: { image: "debian:trixie-slim" } }, async (manager) => {
    await assert.rejects(manager.create(), (error) => {
      assert.ok(error instanceof OmcpError);
      assert.match(`${error.message} ${error.next}`, /python3/);
      return true;
    });
  });
});

Deno.test("a creation that is cancelled is rolled back", async () => {
  const controller = new AbortController();
  // The creation is running: the container exists and is about to be started.
  await withManager({ beforeStart: () => controller.abort() }, async (manager) => {
    const creation = manager.create({ signal: controller.signal });
    await assert.rejects(creation, (error) => error instanceof OmcpError && error.code === "cancelled");
    assert.deepEqual(manager.list(true), []);
  });
});

Deno.test("an idle sandbox is removed, and its error says why", async () => {
  await withManager({ options: { idleMs: 500 } }, async (manager) => {
    const { id } = await manager.create();
    await eventually(() => manager.list().length === 0, "it is removed");
    assert.throws(() => manager.get(id), (error) => error instanceof OmcpError && /idle/.test(error.message));
  });
});

Deno.test("a sandbox killed from outside is lost once, says what state remains, and frees its slot", async () => {
  const engine = await connectTestEngine();
  await withManager({ options: { maxSandboxes: 1 } }, async (manager) => {
    const sandbox = await manager.create();
    const begun = Promise.withResolvers<void>();
    const running = sandbox.execute("import time; time.sleep(60)", {
      timeoutMs: 60_000,
      outputBytes: 1000,
      onStarted: () => begun.resolve(),
    });
    running.catch(() => {});
    await begun.promise;
    const [container] = await engine.listContainers({ labels: { "org.omcp.name": sandbox.id } });
    assert.ok(container !== undefined);
    await engine.killContainer(container.id);
    await assert.rejects(running, { code: "outcome_unknown", state: /unknown how far the cell ran/ });
    assert.throws(
      () => manager.get(sandbox.id),
      (error) => error instanceof OmcpError && error.code === "sandbox_lost",
    );
    assert.equal((await manager.create()).info().state, "idle");
  });
});

Deno.test("removeOrphans() removes old never-started containers of ours, and nothing else", async () => {
  const engine = await connectTestEngine();
  const runtime = new DockerRuntime(engine);
  const spec = { Image: "debian:trixie-slim", Cmd: ["true"] };
  const token = crypto.randomUUID();
  const ours = labelsOf({ instance: token, role: "sandbox", name: token, version: "0" });
  const mine = await engine.createContainer({ ...spec, Labels: ours }, { name: `omcp-test-${token}` });
  const foreign = await engine.createContainer({
    ...spec,
    Labels: { "org.omcp.role": "sandbox", "org.omcp.test": token },
  }, {
    name: `omcp-test-foreign-${token}`,
  });
  try {
    // Only this test's containers: six minutes later, those that other servers are about to start would be old, too.
    const own = {
      listContainers: async (options: ListOptions) =>
        (await runtime.listContainers(options)).filter(({ id }) => id === mine || id === foreign),
      removeContainer: runtime.removeContainer.bind(runtime),
    };
    await removeOrphans(own);
    assert.equal(
      (await engine.inspectContainer(mine)).state.status,
      "created",
      "another server may be about to start it",
    );
    await removeOrphans(own, Date.now() + 6 * 60_000);
    await assert.rejects(
      engine.inspectContainer(mine),
      (error) => error instanceof OmcpError && error.code === "engine_not_found",
    );
    assert.equal((await engine.inspectContainer(foreign)).state.status, "created");
  } finally {
    await engine.removeContainer(mine);
    await engine.removeContainer(foreign);
  }
});
