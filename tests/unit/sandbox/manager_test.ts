/** The manager, registry, factory and executions over a runtime in memory. */
import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { DEFAULT_POLICY } from "../../../src/sandbox/mod.ts";
import { FakeClock } from "../../fixtures/fake_clock.ts";
import { settled, withManager } from "../../fixtures/fake_manager.ts";
import { attestationOf, executionState, OK_RESULT } from "../../fixtures/fake_runtime.ts";

const CELL = { timeoutMs: 30_000, outputBytes: 1000 };

function broken(): never {
  throw new OmcpError("engine_failed", "Broken on purpose", { details: { status: 500 } });
}

Deno.test("a cell waits for the kernel's start, and its outcome has the time of the wait", async () => {
  await withManager(async (manager, runtime) => {
    runtime.kernelState = "starting";
    let cells = 0;
    const requests: string[] = [];
    runtime.reply = (method) => {
      requests.push(method);
      if (method === "execute") cells += 1;
      return { result: OK_RESULT };
    };
    const sandbox = await manager.create();
    const outcome = sandbox.execute("1", CELL);
    await settled(() => requests.length > 0);
    assert.deepEqual(requests, ["start_kernel"], "the agent learns that a cell waits");
    runtime.only.agent.emit(0, executionState("idle"));
    const { kernelStartMs = 0 } = await outcome;
    assert.equal(cells, 1);
    assert.ok(kernelStartMs > 0);
  });
});

Deno.test("a sandbox is created, found, listed and removed, and remembered", async () => {
  await withManager(async (manager, runtime) => {
    const sandbox = await manager.create();
    assert.match(sandbox.id, /^sbx_[0-9a-f]{32}$/);
    assert.equal(runtime.only.name, `omcp-${sandbox.id}`);
    assert.equal(manager.get(sandbox.id), sandbox);
    assert.deepEqual(manager.list().map(({ state }) => state), ["idle"]);
    assert.deepEqual(await manager.remove(sandbox.id), { removed: true, problem: undefined });
    assert.deepEqual(manager.list(), []);
    assert.deepEqual(manager.list(true).map(({ state, reason }) => [state, reason]), [
      ["removed", "it was removed on request"],
    ]);
    assert.throws(() => manager.get(sandbox.id), { code: "sandbox_not_found", message: /has been removed/ });
    assert.throws(() => manager.get("sbx_other"), { message: "There is no sandbox sbx_other" });
  });
});

Deno.test("the manager creates at most the maximum of sandboxes; one counts until its container is removed", async () => {
  await withManager(async (manager, runtime) => {
    const { id } = await manager.create();
    runtime.fail = (call) => call === "removeContainer" && broken();
    const removing = manager.remove(id);
    await settled(() => manager.list()[0]?.state === "removing");
    assert.throws(() => manager.get(id), { message: /is being removed/ });
    await assert.rejects(manager.create(), { code: "capacity", state: /1 of them is being removed/ });
    runtime.fail = () => {};
    assert.equal((await manager.remove(id)).removed, true);
    assert.equal((await removing).removed, true);
    await manager.create();
  }, { maxSandboxes: 1 });
});

for (const step of ["createContainer", "attach", "startContainer", "listContainers"] as const) {
  Deno.test(`a creation that fails at ${step} leaves no container and frees its slot`, async () => {
    await withManager(async (manager, runtime) => {
      runtime.fail = (call) => call === step && broken();
      await assert.rejects(manager.create(), { code: "engine_failed", state: /No sandbox was created/ });
      await settled(() => runtime.containers.size === 0);
      runtime.fail = () => {};
      await manager.create();
      assert.equal(manager.list(true).length, 1);
    }, { maxSandboxes: 1 });
  });
}

Deno.test("a sandbox whose attestation deviates is removed and not handed out", async () => {
  await withManager(async (manager, runtime) => {
    runtime.attestation = (spec) => ({ ...attestationOf(spec), root_read_only: false });
    await assert.rejects(manager.create(), {
      code: "sandbox_unsafe",
      message: /is not confined as its policy says: the root file system is writable$/,
    });
    assert.equal(runtime.containers.size, 0);
  });
});

Deno.test("a sandbox that the engine runs on another OCI runtime than was asked for is removed and not handed out", async () => {
  await withManager(async (manager, runtime) => {
    await manager.create();
    runtime.ociRuntime = "runc";
    await assert.rejects(manager.create(), {
      code: "sandbox_unsafe",
      message: /is not confined as its policy says: the OCI runtime is runc instead of runsc$/,
    });
    assert.equal(runtime.containers.size, 1);
  }, { policy: { ...DEFAULT_POLICY, ociRuntime: "runsc" } });
});

Deno.test("why a sandbox was refused is reported, although its removal fails and the call's time ends meanwhile", async () => {
  await withManager(async (manager, runtime) => {
    const call = new AbortController();
    runtime.attestation = (spec) => ({ ...attestationOf(spec), root_read_only: false });
    let attempts = 0;
    runtime.fail = (step) => {
      if (step !== "removeContainer") return;
      attempts += 1;
      call.abort(new OmcpError("timeout", "The call timed out"));
      if (attempts === 1) throw new OmcpError("timeout", "Cannot remove the container: timed out after 10 s");
    };
    await assert.rejects(manager.create({ signal: call.signal }), {
      code: "sandbox_unsafe",
      message: /the root file system is writable$/,
    });
    assert.equal(attempts, 2);
  });
});

Deno.test("a cancelled creation is rolled back", async () => {
  await withManager(async (manager, runtime) => {
    const controller = new AbortController();
    runtime.beforeCreate = () => Promise.resolve(controller.abort());
    await assert.rejects(manager.create({ signal: controller.signal }), { code: "cancelled" });
    assert.deepEqual(manager.list(true), []);
  });
});

Deno.test("a manager that closes removes its sandboxes, also those being created, and creates no more", async () => {
  await withManager(async (manager, runtime) => {
    await manager.create();
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    runtime.beforeCreate = () => {
      reached.resolve();
      return go.promise;
    };
    const creation = assert.rejects(manager.create(), { code: "shutting_down" });
    await reached.promise;
    const closing = manager.close();
    go.resolve();
    await Promise.all([creation, closing]);
    assert.equal(runtime.containers.size, 0);
    await assert.rejects(manager.create(), { code: "shutting_down" });
  });
});

Deno.test("a sandbox whose creation ends while the manager closes is removed", async () => {
  const clock = new FakeClock();
  await withManager(async (manager, runtime) => {
    const closed = Promise.withResolvers<void>();
    // A new sandbox reads the time when it is complete, and not in the registry yet.
    clock.onWall = () => closed.resolve(manager.close());
    await assert.rejects(manager.create(), { code: "shutting_down" });
    await closed.promise;
    assert.equal(runtime.containers.size, 0);
  }, { clock });
});

Deno.test("a sandbox whose container ends is lost, and says whether its memory limit ended it", async () => {
  await withManager(async (manager, runtime) => {
    for (const [outOfMemory, code] of [[false, "outcome_unknown"], [true, "out_of_memory"]] as const) {
      const sandbox = await manager.create();
      const { agent } = runtime.only;
      runtime.only.outOfMemory = outOfMemory;
      runtime.reply = () => {
        agent.end();
        return undefined;
      };
      await assert.rejects(sandbox.execute("1", CELL), {
        code,
        state: /unknown how far the (?:last )?cell ran/,
      });
      assert.throws(() => manager.get(sandbox.id), { code: "sandbox_lost" });
      assert.equal(sandbox.info().state, "lost");
    }
  });
});

Deno.test("cells of one sandbox run one after the other", async () => {
  await withManager(async (manager, runtime) => {
    const sandbox = await manager.create();
    const order: string[] = [];
    const first = Promise.withResolvers<void>();
    runtime.reply = async (_, params) => {
      const { code } = Object(params);
      order.push(`begin ${code}`);
      if (code === "a") await first.promise;
      order.push(`end ${code}`);
      return { result: OK_RESULT };
    };
    let waited = false;
    const a = sandbox.execute("a", CELL);
    await settled(() => order.length === 1);
    const b = sandbox.execute("b", { ...CELL, onWaiting: () => waited = true });
    assert.deepEqual([waited, sandbox.busy, sandbox.info().state], [true, true, "busy"]);
    await assert.rejects(manager.remove(sandbox.id), { code: "sandbox_busy" });
    first.resolve();
    await Promise.all([a, b]);
    assert.deepEqual(order, ["begin a", "end a", "begin b", "end b"]);
    await settled(() => !sandbox.busy);
    assert.equal(sandbox.info().cells, 2);
  });
});

Deno.test("a waiting cell that is cancelled does not run, and leaves the queue", async () => {
  await withManager(async (manager, runtime) => {
    const sandbox = await manager.create();
    const go = Promise.withResolvers<void>();
    const begun: unknown[] = [];
    runtime.reply = async (_, params) => {
      begun.push(Object(params).code);
      await go.promise;
      return { result: OK_RESULT };
    };
    const running = sandbox.execute("a", CELL);
    await settled(() => begun.length === 1);
    const controller = new AbortController();
    const waiting = sandbox.execute("b", { ...CELL, signal: controller.signal });
    controller.abort();
    await assert.rejects(waiting, { code: "cancelled", state: "The cell did not run." });
    go.resolve();
    await running;
    assert.deepEqual(begun, ["a"]);
  });
});

Deno.test("an error reply keeps the sandbox; an invalid result removes it", async () => {
  await withManager(async (manager, runtime) => {
    const sandbox = await manager.create();
    runtime.reply = () => ({ error: { code: "busy", message: "Another cell runs" } });
    await assert.rejects(sandbox.execute("1", CELL), { code: "sandbox_busy" });
    runtime.reply = () => ({ result: { status: "fine" } });
    await assert.rejects(sandbox.execute("1", CELL), { code: "channel_failed", retryable: false });
    assert.throws(() => manager.get(sandbox.id), { code: "sandbox_lost" });
    assert.equal(runtime.containers.size, 0);
  });
});

Deno.test("an execution that nobody waits for keeps its sandbox busy, and its end counts as a use", async () => {
  const clock = new FakeClock();
  await withManager(async (manager) => {
    const sandbox = await manager.create();
    const end = Promise.withResolvers<void>();
    const execution = sandbox.executions.start({
      owner: "local",
      tool: "test",
      source: "test",
      timeoutMs: 600_000,
      work: async () => {
        await end.promise;
        return { kind: "text", text: "done" };
      },
    });
    clock.advance(60_001);
    assert.deepEqual([sandbox.info().state, sandbox.expiryReason, sandbox.unusedMs], ["busy", undefined, 0]);
    await assert.rejects(manager.remove(sandbox.id), { code: "sandbox_busy", message: /in use: test runs$/ });
    assert.equal(manager.findExecution(execution.id, "local"), execution);
    assert.throws(() => manager.findExecution(execution.id, "another"), { code: "execution_not_found" });
    end.resolve();
    await execution.settled;
    await settled(() => sandbox.info().state === "idle");
    assert.equal(sandbox.expiryReason, undefined);
    clock.advance(60_001);
    assert.match(sandbox.expiryReason ?? "", /idle/);
    await manager.remove(sandbox.id);
    assert.throws(() => manager.findExecution(execution.id, "local"), { code: "execution_lost" });
    assert.throws(() => manager.findExecution(execution.id, "another"), { code: "execution_not_found" });
  }, { clock });
});

Deno.test("a sandbox is not removed under a call about its files, unless by force", async () => {
  await withManager(async (manager) => {
    const sandbox = await manager.create();
    const stopped = new AbortController();
    const call = sandbox.files.space({ signal: stopped.signal });
    await assert.rejects(manager.remove(sandbox.id), {
      code: "sandbox_busy",
      message: /in use: a call about files runs$/,
    });
    stopped.abort();
    await assert.rejects(call, { code: "cancelled" });
    assert.equal((await manager.remove(sandbox.id)).removed, true);
  });
});

Deno.test("a removal that the engine does not confirm answers within the wait of its call", async () => {
  await withManager(async (manager, runtime) => {
    const { id } = await manager.create();
    runtime.fail = (call) => call === "removeContainer" && broken();
    const { removed, problem } = await manager.remove(id, { waitMs: 1 });
    assert.deepEqual([removed, manager.list()[0]?.state], [false, "removing"]);
    assert.match(problem ?? "", /Broken on purpose/);
    runtime.fail = () => {};
    assert.equal((await manager.remove(id)).removed, true);
  });
});
