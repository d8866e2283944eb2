/** The guest's modules as bytecode, compiled and run by the image's real Python. */
import assert from "node:assert/strict";
import type { BootModules } from "../../../src/agent_protocol/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { LABEL_INSTANCE, Removals } from "../../../src/runtime/mod.ts";
import { newSandboxId, startSandbox } from "../../../src/sandbox/factory.ts";
import { GuestCode } from "../../../src/sandbox/guest_code.ts";
import { Sandbox } from "../../../src/sandbox/mod.ts";
import { preload } from "../../../src/sandbox/preloads.ts";
import { TEST_POLICY } from "../../fixtures/oci_runtime.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

const LIMITS = { timeoutMs: 30_000, outputBytes: 100_000 };

/** Changes what compiles in its own process, writes wherever Python looks for modules, and answers in the compiler's place without end. */
const HOSTILE = `
import builtins, importlib.util, json, marshal, os, sys, sysconfig, threading, time
real = compile
answer = json.dumps({"magic": importlib.util.MAGIC_NUMBER.hex(), "code": {"agent": "cGxhbnRlZA=="}}).encode()
def answers():
    while True:
        os.write(1, answer)
        time.sleep(0.01)
def hostile():
    wrote = []
    folders = {*sys.path, *sysconfig.get_paths().values(), os.path.dirname(json.__file__), os.path.dirname(sys.executable), "/", "/etc"}
    for folder in folders:
        if folder.startswith(("/workspace", "/tmp")) or not folder.startswith("/"):
            continue
        for name in ("sitecustomize.py", "json.py", "marshal.py", "python3", "pyvenv.cfg"):
            try:
                open(os.path.join(folder, name), "ab").close()
                wrote.append(os.path.join(folder, name))
            except OSError:
                pass
    builtins.compile = lambda *_, **__: real("planted = 1", "planted", "exec")
    marshal.dumps = lambda *_: b"planted"
    threading.Thread(target=answers, daemon=True).start()
    return len(folders) > 5, wrote
hostile()
`;

Deno.test("from the second sandbox on, the next ones get bytecode, which one container compiled: they run cells, and bytecode of another Python is refused", async (t) => {
  const engine = await connectTestEngine();
  const runtime = new DockerRuntime(engine);
  const removals = new Removals(runtime);
  const instance = crypto.randomUUID();
  const image = imageReference("python");
  const common = { runtime, removals, instance, image, imageName: image, policy: TEST_POLICY };
  const code = new GuestCode({ ...common, compiles: true, closing: new AbortController().signal });
  const given: BootModules[] = [];
  const start = async (change = (modules: BootModules) => modules) => {
    const lifetimeMs = 60_000;
    const started = await code.start(image, (modules) => {
      given.push(modules);
      return startSandbox({
        ...{ ...common, modules: change(modules), id: newSandboxId(), lifetimeMs, leaseSeconds: 60 },
        signal: AbortSignal.timeout(60_000),
      });
    });
    return { ...started, sandbox: new Sandbox({ ...started, image, lifetimeMs, idleMs: lifetimeMs }) };
  };
  try {
    const early: Sandbox[] = [];
    for (let count = 1; count <= 2; count += 1) {
      const { sandbox, container, kernelStarted } = await start();
      early.push(sandbox);
      preload(container);
      // The first one's code goes on while the modules are compiled.
      const { outputs } = await sandbox.execute(HOSTILE, LIMITS);
      assert.match(JSON.stringify(outputs), /\(True, \[\]\)/);
      await kernelStarted;
    }
    await code.close();
    for (const sandbox of early) await sandbox.remove("removed", "seen").removed;
    assert.deepEqual(given.map(({ code }) => Object.keys(code).length), [0, 0]);

    const { sandbox: third, ...started } = await start();
    await t.step("nothing that code has done in a sandbox is in the bytecode", async () => {
      const clean = new GuestCode({ ...common, compiles: true, closing: new AbortController().signal });
      const expected: BootModules[] = [];
      for (let count = 1; count <= 3; count += 1) {
        await clean.start(image, (modules) => {
          expected.push(modules);
          return Promise.resolve({ ...started, kernelStarted: Promise.resolve() });
        });
        await clean.close();
      }
      assert.ok(Object.keys(expected[2]?.code ?? {}).length > 70);
      assert.deepEqual(given.at(-1), expected[2]);
    });

    await t.step(
      "it runs cells, and errors show the cell's own lines",
      async () => {
        const { code: compiled = {}, sources = {} } = given[2] ?? {};
        assert.ok(Object.keys(compiled).length > 70 && compiled["kernel.zygote"] !== undefined);
        assert.equal(sources["kernel.zygote"], undefined);
        const { status, outputs } = await third.execute("x = 1\n1/0", LIMITS);
        assert.equal(status, "error");
        const [error] = outputs;
        assert.ok(error?.type === "error");
        assert.match(error.traceback, /"Cell In\[1\]", line 2/);
        assert.doesNotMatch(error.traceback, /omcp_kernel/);
        await third.remove("removed", "seen").removed;
      },
    );

    await t.step(
      "where the image has another Python than before, the start fails and the next one gets sources",
      async () => {
        const other = (modules: BootModules) => ({ ...modules, magic: "00000000" });
        await assert.rejects(start(other), (error) => {
          assert.ok(error instanceof OmcpError && error.code === "sandbox_start_failed");
          assert.match(error.next ?? "", /the image has another Python/);
          return true;
        });
        const { sandbox } = await start();
        assert.deepEqual(given.at(-1)?.code, {});
        await sandbox.remove("removed", "seen").removed;
      },
    );
    const labels = { [LABEL_INSTANCE]: instance };
    assert.deepEqual(await engine.listContainers({ labels, all: true }), []);
  } finally {
    for (const { id } of await engine.listContainers({ labels: { [LABEL_INSTANCE]: instance }, all: true })) {
      await engine.removeContainer(id);
    }
    removals.close();
    engine.close();
  }
});
