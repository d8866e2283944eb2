/** What a server takes over from an earlier one of its instance, and what it removes: each in one table, which takes the file beyond 300 lines. */
import assert from "node:assert/strict";
import { DEFAULT_POLICY, SandboxManager, type SandboxManagerOptions } from "../../../src/sandbox/mod.ts";
import type { Execution } from "../../../src/sandbox/mod.ts";
import { readOwnership } from "../../../src/sandbox/ownership.ts";
import { LABEL_NAME } from "../../../src/runtime/mod.ts";
import { VERSION } from "../../../src/version.ts";
import { FakeClock } from "../../fixtures/fake_clock.ts";
import { executionState, FakeRuntime, OK_RESULT } from "../../fixtures/fake_runtime.ts";
import { settled } from "../../fixtures/fake_manager.ts";

const MIB = 1024 * 1024;
const EXECUTION = `exec_${"a".repeat(32)}`;
const ENTRY = {
  context: "default",
  execution: EXECUTION,
  silent: false,
  timeout_ms: 60_000,
  source_length: 5,
  elapsed_ms: 2000,
  ended_ms: 3000,
};

interface Scene {
  readonly runtime: FakeRuntime;
  readonly clock: FakeClock;
  manager(options?: Partial<SandboxManagerOptions>): SandboxManager;
  /** Lets a new manager take over what another left. */
  next(options?: Partial<SandboxManagerOptions>): Promise<SandboxManager>;
}

async function withScene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const runtime = new FakeRuntime();
  const clock = new FakeClock();
  const managers: SandboxManager[] = [];
  function manager(options: Partial<SandboxManagerOptions> = {}): SandboxManager {
    const made = new SandboxManager({
      runtime,
      instance: "test",
      image: "omcp-python:test",
      policy: DEFAULT_POLICY,
      maxSandboxes: 3,
      idleMs: 60_000,
      lifetimeMs: 600_000,
      leaseSeconds: 30,
      outlivesServer: true,
      clock,
      ...options,
    });
    managers.push(made);
    return made;
  }
  async function next(options: Partial<SandboxManagerOptions> = {}): Promise<SandboxManager> {
    runtime.awaitServer();
    const made = manager(options);
    made.adopt(await runtime.listContainers({}));
    await made.adopted;
    return made;
  }
  runtime.reply = (method) => {
    if (method === "journal") return { result: { cells: 4, executions: [ENTRY] } };
    if (method === "source") return { result: { text: "1 + 1" } };
    return { result: OK_RESULT };
  };
  try {
    await test({ runtime, clock, manager, next });
  } finally {
    for (const each of managers) await each.close();
  }
  assert.equal(runtime.containers.size, 0, "nothing is left behind");
}

Deno.test("a manager takes over what another detached: owners, times, requests and executions", async () => {
  await withScene(async ({ runtime, clock, manager, next }) => {
    const first = manager();
    const asked = { memoryBytes: 512 * MIB };
    const ids = [
      (await first.create({ owner: "alice", idleMs: 20_000, ...asked })).id,
      (await first.create({ owner: "bob" })).id,
    ];
    const [before] = first.list();
    const own = await first.create();
    await first.close({ detach: true });
    const names = () => [...runtime.containers.values()].map(({ name }) => name);
    assert.deepEqual(names().map((name) => readOwnership(name)?.owner), ["alice", "bob"]);
    assert.ok(!names().some((name) => name.includes(own.id)), "one of the server's own is removed");
    const old = names();
    clock.advance(5000);
    const second = await next();
    assert.deepEqual(second.list().map(({ sandboxId }) => sandboxId), ids);
    const [after] = second.list();
    assert.equal(Math.round((after?.createdAt ?? 0) / 1000), Math.round((before?.createdAt ?? 0) / 1000));
    assert.equal(after?.idleMs, 20_000);
    assert.equal(after?.asked.memoryBytes, 512 * MIB);
    assert.equal(after?.cells, 4);
    // The server before it does not know the new names.
    assert.equal(names().filter((name) => old.includes(name)).length, 0);
    // They count for the maximum.
    await second.create({ owner: "bob" });
    await assert.rejects(second.create({ owner: "bob" }), { code: "capacity" });
  });
});

Deno.test("an execution that was taken over is its sandbox's owner's, whatever the agent says", async () => {
  await withScene(async ({ runtime, manager, next }) => {
    const first = manager();
    const { id } = await first.create({ owner: "alice" });
    await first.close({ detach: true });
    runtime.claims = { owner: "bob", lease_seconds: 1e9, sandbox: "another" };
    const second = await next();
    assert.equal(second.get(id).owner, "alice");
    assert.throws(() => second.findExecution(EXECUTION, "bob"), { code: "execution_not_found" });
    const found = second.findExecution(EXECUTION, "alice") as Execution;
    const { state, elapsedMs, tool } = found.record();
    assert.deepEqual({ state, elapsedMs, tool, source: found.source }, {
      state: "ok",
      elapsedMs: 2000,
      tool: "execute_python_code",
      source: "1 + 1",
    });
  });
});

Deno.test("cells that no server has seen end are recorded, those that ended earlier are not", async () => {
  await withScene(async ({ runtime, manager, next }) => {
    const first = manager();
    const { id } = await first.create({ owner: "alice" });
    await first.close({ detach: true });
    const { reply } = runtime;
    const executions = [
      { ...ENTRY, execution: "exec_old", ended_ms: 30_001 },
      { ...ENTRY, execution: "exec_meanwhile", ended_ms: 30_000 },
      { ...ENTRY, execution: "exec_running", ended_ms: null },
    ];
    runtime.reply = (method, params) =>
      method === "journal" ? { result: { cells: 2, executions } } : reply(method, params);
    const recorded: unknown[] = [];
    const second = await next({
      recordResumed: async ({ id: execution, owner, sandboxId, source }, work) => {
        const result = await work();
        recorded.push([execution, owner, sandboxId, source, result.kind]);
        return result;
      },
    });
    await settled(() => !second.get(id).busy);
    assert.deepEqual(recorded, [
      ["exec_meanwhile", "alice", id, "1 + 1", "cell"],
      ["exec_running", "alice", id, "1 + 1", "cell"],
    ]);
    assert.equal(second.list()[0]?.cells, 3);
  });
});

Deno.test("a step of a call that ended with its server is interrupted, and uses the kernel until it has ended", async () => {
  await withScene(async ({ runtime, manager, next }) => {
    const first = manager();
    const { id } = await first.create({ owner: "alice" });
    await first.close({ detach: true });
    const asked: string[] = [];
    const ended = Promise.withResolvers<void>();
    const executions = [{ ...ENTRY, silent: true, ended_ms: null }, {
      ...ENTRY,
      execution: "exec_b",
      silent: true,
    }];
    runtime.reply = async (method) => {
      asked.push(method);
      if (method === "journal") return { result: { cells: 0, executions } };
      if (method === "resume") await ended.promise;
      return { result: OK_RESULT };
    };
    const second = await next();
    const sandbox = second.get(id);
    assert.equal(sandbox.busy, true);
    const cell = sandbox.execute("1", { timeoutMs: 1000, outputBytes: 1000 });
    await settled(() => asked.includes("resume"));
    assert.ok(!asked.includes("execute"));
    ended.resolve();
    assert.equal((await cell).status, "ok");
    assert.deepEqual(asked, ["journal", "preload", "resume", "execute"]);
    assert.deepEqual(sandbox.executions.list(), []);
  });
});

const REFUSED: readonly {
  readonly what: string;
  readonly reason: RegExp;
  readonly change?: (runtime: FakeRuntime, clock: FakeClock) => void;
  readonly options?: Partial<SandboxManagerOptions>;
}[] = [
  {
    what: "that has expired",
    reason: /its lifetime of 600 s is over/,
    change: (_, clock) => clock.advance(600_000),
  },
  {
    what: "that has ended",
    reason: /it is ended/,
    change: ({ only }) => {
      only.status = "ended";
    },
  },
  {
    what: "with more memory than the settings allow now",
    reason: /memory_mb must be from/,
    options: { policy: { ...DEFAULT_POLICY, memoryBytes: 1024 * MIB } },
  },
  {
    what: "that is not confined as the settings say now",
    reason: /sandbox_unsafe: .*process limit is 256 instead of 255/,
    options: { policy: { ...DEFAULT_POLICY, pids: 255 } },
  },
  {
    what: "of another OCI runtime than the settings say now",
    reason: /its OCI runtime is the engine's default, and the settings say runsc/,
    options: { policy: { ...DEFAULT_POLICY, ociRuntime: "runsc" } },
  },
  {
    what: "that attests another user",
    reason: /sandbox_unsafe/,
    change: (runtime) => {
      const { attestation } = runtime;
      runtime.attestation = (spec) => ({ ...Object(attestation(spec)), uid: 0 });
    },
  },
  {
    what: "whose kernel is not confined",
    reason: /sandbox_unsafe: .*no seccomp filter/,
    change: (runtime) => {
      const state = Object(executionState("idle"));
      runtime.kernelEvents = [{ ...state, confinement: { ...state.confinement, seccomp: 0 } }];
    },
  },
  {
    what: "that could read other data",
    reason: /could read other data than the settings allow/,
    options: { readable: "another database" },
  },
  {
    what: "of another version",
    reason: /agent_incompatible/,
    change: (runtime) => {
      runtime.claims = { agent: "0.0.0" };
    },
  },
  {
    what: "of the same version and other code",
    reason: /agent_incompatible/,
    change: (runtime) => {
      runtime.claims = { agent: VERSION };
    },
  },
  {
    what: "whose agent lists no executions",
    reason: /channel_failed: .*invalid journal/,
    change: (runtime) => {
      runtime.reply = () => ({ result: { executions: [{ ...ENTRY, execution: "../x" }] } });
    },
  },
  {
    what: "whose source has no end",
    reason: /channel_failed: .*invalid source/,
    change: (runtime) => {
      const { reply } = runtime;
      runtime.reply = (method, params) =>
        method === "source" ? { result: { text: "" } } : reply(method, params);
    },
  },
];

for (const { what, reason, change = () => {}, options = {} } of REFUSED) {
  Deno.test(`a sandbox ${what} is removed, and its user learns why`, async () => {
    await withScene(async ({ runtime, clock, manager, next }) => {
      const first = manager();
      const { id } = await first.create({ owner: "alice", memoryBytes: 2048 * MIB });
      await first.close({ detach: true });
      change(runtime, clock);
      const second = await next(options);
      assert.deepEqual(second.list(), []);
      assert.throws(() => second.get(id), { message: reason });
      await settled(() => runtime.containers.size === 0);
    });
  });
}

Deno.test("a sandbox that was never handed out, or whose name is another's, is removed", async () => {
  await withScene(async ({ runtime, manager, next }) => {
    const first = manager();
    await first.create({ owner: "alice" });
    await first.create({ owner: "alice" });
    await first.close({ detach: true });
    const [spare, swapped] = runtime.containers.values();
    assert.ok(spare !== undefined && swapped !== undefined);
    const { name } = spare;
    spare.name = `omcp-${spare.spec.labels[LABEL_NAME]}`;
    swapped.name = name;
    const second = await next();
    assert.deepEqual(second.list(), []);
    await settled(() => runtime.containers.size === 0);
  });
});

Deno.test("a creation whose owner cannot be recorded fails and leaves nothing", async () => {
  await withScene(async ({ runtime, manager }) => {
    runtime.fail = (call) => {
      if (call === "renameContainer") throw new Error("the engine says no");
    };
    await assert.rejects(manager().create({ owner: "alice" }), /the engine says no/);
    await settled(() => runtime.containers.size === 0);
  });
});
