import assert from "node:assert/strict";
import { ReplyError } from "../../../src/agent_protocol/mod.ts";
import { DeadlineSignal } from "../../../src/lib/async/deadline.ts";
import type { Engine } from "../../../src/docker/mod.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import type { ContainerRuntime } from "../../../src/runtime/mod.ts";
import { afterInterrupt, agentError } from "../../../src/sandbox/executions/cell_errors.ts";
import { StartupWatch } from "../../../src/sandbox/startup_watch.ts";
import type { Sandbox } from "../../../src/sandbox/mod.ts";
import { docker } from "../../fixtures/docker/cli.ts";
import { runtimeOver, sandboxManager } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, newInstance } from "../../fixtures/server.ts";

interface Scene {
  readonly sandbox: Sandbox;
  /** Freezes everything in the sandbox's container, or thaws it. */
  docker(command: "pause" | "unpause"): Promise<void>;
}

async function withSandbox(
  test: (scene: Scene) => Promise<void>,
  runtimeOf: (engine: Engine) => ContainerRuntime = (engine) => new DockerRuntime(engine),
): Promise<void> {
  const engine: Engine = await connectTestEngine();
  const instance = newInstance();
  const manager = sandboxManager(runtimeOf(engine), instance, { leaseSeconds: 60 });
  try {
    const sandbox = await manager.create();
    await test({
      sandbox,
      docker: (command) => docker(command, `omcp-${sandbox.id}`),
    });
  } finally {
    await manager.close();
    await assertNothingLeft(engine, instance);
  }
}

const CELL = { timeoutMs: 60_000, outputBytes: 10_000 };

/** Runs a cell that prints when it runs, and then interrupts it; returns its state in a sentence. */
async function interrupted(sandbox: Sandbox, code: string, then?: () => Promise<void>): Promise<string> {
  const controller = new AbortController();
  const runs = Promise.withResolvers<void>();
  const cell = sandbox.execute(`print('begun', flush=True)\n${code}`, {
    ...CELL,
    signal: controller.signal,
    onOutput: () => runs.resolve(),
  });
  cell.catch(() => {});
  await runs.promise;
  await then?.();
  controller.abort();
  const outcome = await cell;
  assert.equal(outcome.status, "interrupted");
  return afterInterrupt(outcome);
}

async function value(sandbox: Sandbox, code: string): Promise<string> {
  const { outputs } = await sandbox.execute(code, CELL);
  return JSON.stringify(outputs);
}

Deno.test("an interrupted cell reports what the agent confirmed about it", async (t) => {
  await withSandbox(async ({ sandbox }) => {
    await sandbox.execute("kept = 41", CELL);
    await t.step("it yields", async () => {
      assert.match(
        await interrupted(sandbox, "while True: pass"),
        /interrupted; variables are kept/,
      );
      assert.match(await value(sandbox, "kept"), /41/);
    });
    await t.step("it does not yield", async () => {
      const code = "while True:\n    try:\n        while True: pass\n    except BaseException: pass";
      const state = await interrupted(sandbox, code);
      assert.match(state, /variables are lost|unknown whether variables are kept/);
      assert.match(await value(sandbox, "'kept' in globals()"), /False/);
    });
  });
});

Deno.test("an interrupted cell that the agent does not confirm keeps the kernel busy, and the state of its variables is unknown", async () => {
  await withSandbox(async ({ sandbox, docker }) => {
    await sandbox.execute("kept = 41", CELL);
    const state = await interrupted(sandbox, "while True: pass", () => docker("pause"));
    assert.match(state, /unknown whether variables are kept/);
    assert.ok(sandbox.busy);
    await assert.rejects(sandbox.execute("kept", { ...CELL, signal: AbortSignal.timeout(500) }), {
      code: "cancelled",
      state: /The cell did not run/,
    });
    await docker("unpause");
    assert.match(await value(sandbox, "kept"), /41/);
  });
});

Deno.test("after a cell without a reply in time, the state of its variables is unknown", async () => {
  await withSandbox(async ({ sandbox, docker }) => {
    await sandbox.execute("kept = 41", CELL);
    await docker("pause");
    const outcome = await sandbox.execute("kept", { ...CELL, timeoutMs: 500 });
    assert.equal(outcome.status, "timeout");
    assert.equal(outcome.kernel, "unknown");
    await docker("unpause");
    assert.match(await value(sandbox, "kept"), /41/);
  });
});

Deno.test("a cell that is cancelled before it starts does not run", async () => {
  await withSandbox(async ({ sandbox }) => {
    const controller = new AbortController();
    controller.abort();
    await assert.rejects(sandbox.execute("ran = 1", { ...CELL, signal: controller.signal }), {
      code: "cancelled",
      state: "The cell did not run.",
    });
    assert.match(await value(sandbox, "'ran' in globals()"), /False/);
  });
});

Deno.test("the agent's errors keep their code, and only unambiguous ones say that the cell did not run", () => {
  const expected = {
    invalid_argument: ["invalid_argument", /did not run/],
    busy: ["sandbox_busy", /did not run/],
    no_pipes: ["sandbox_busy", /did not run/],
    kernel_unavailable: ["kernel_unavailable", /did not run/],
    internal: ["outcome_unknown", /unknown whether the cell ran/],
    something_new: ["outcome_unknown", /unknown whether the cell ran/],
  } as const;
  for (const [agentCode, [code, state]] of Object.entries(expected)) {
    const error = agentError(new ReplyError(agentCode, "The agent's words"));
    assert.equal(error.code, code);
    assert.match(error.state ?? "", state);
    assert.equal(error.details.agent_code, agentCode);
  }
});

Deno.test("without the kernel's report, a creation fails with timeout, or with sandbox_start_failed if the container ended, and not with sandbox_unsafe", async () => {
  const never = new Promise<never>(() => {});
  using deadline = new DeadlineSignal(50);
  await assert.rejects(new StartupWatch().confinementProblems(deadline.signal, never), {
    code: "timeout",
    retryable: true,
  });
  const ended = Promise.resolve({ reason: "the container's output ended" });
  const { signal } = new AbortController();
  await assert.rejects(new StartupWatch().confinementProblems(signal, ended), {
    code: "sandbox_start_failed",
    retryable: true,
  });
});

Deno.test("a sandbox is created even if its kernel's report is more than ten seconds late", async () => {
  let held = 0;
  const slow = (engine: Engine): ContainerRuntime =>
    runtimeOver(engine, {
      // Delays what the agent sends after its hello.
      attach: async (id, call) => {
        const attachment = await engine.attach(id, call);
        const readable = attachment.readable.pipeThrough(
          new TransformStream<Uint8Array, Uint8Array>({
            async transform(chunk, controller) {
              const isHello = new TextDecoder().decode(chunk).includes("attestation");
              if (!isHello && held === 1) await new Promise((resolve) => setTimeout(resolve, 12_000));
              if (isHello || held === 1) held += 1;
              controller.enqueue(chunk);
            },
          }),
        );
        return {
          readable,
          writable: attachment.writable,
          stderr: attachment.stderr,
          closed: attachment.closed,
          close: () => attachment.close(),
        };
      },
    });
  await withSandbox(async ({ sandbox }) => {
    assert.equal(held, 2);
    assert.match(await value(sandbox, "6 * 7"), /42/);
  }, slow);
});
