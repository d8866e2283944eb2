/** Each sandbox has a uid of its own: distinct over all servers of the engine, and attested from inside. */
import assert from "node:assert/strict";
import type { Engine } from "../../../src/docker/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { createContainerRequest, DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import {
  type ContainerRuntime,
  type ContainerSpec,
  DATABASE_UID,
  LABEL_NAME,
  LABEL_UID,
} from "../../../src/runtime/mod.ts";
import { SANDBOX_UIDS, type SandboxManager } from "../../../src/sandbox/mod.ts";
import { runtimeOver, sandboxManager } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, newInstance } from "../../fixtures/server.ts";

type CreateContainer = ContainerRuntime["createContainer"];

/** Runs a test with the managers of two servers on one engine, whose creations go through `create`. */
async function withServers(
  test: (managers: readonly [SandboxManager, SandboxManager], engine: Engine) => Promise<void>,
  create: (engine: Engine) => CreateContainer = (engine) => (spec, options) =>
    new DockerRuntime(engine).createContainer(spec, options),
): Promise<void> {
  const engine = await connectTestEngine();
  const instances = [newInstance(), newInstance()] as const;
  const runtime = runtimeOver(engine, { createContainer: create(engine) });
  const [one, other] = instances.map((instance) => sandboxManager(runtime, instance, { maxSandboxes: 4 }));
  assert.ok(one !== undefined && other !== undefined);
  try {
    await test([one, other], engine);
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
  for (const instance of instances) await assertNothingLeft(await connectTestEngine(), instance);
  engine.close();
}

function uidOf(spec: ContainerSpec): string {
  const uid = spec.labels[LABEL_UID];
  assert.ok(uid !== undefined);
  return uid;
}

/** What a sandbox's code sees of its user: the four ids of each kind, the groups, the owners of its folders. */
const WHO = `import os
ids = [line.split()[1:] for line in open("/proc/self/status") if line.startswith(("Uid:", "Gid:"))]
agent = [line.split()[1:] for line in open("/proc/1/status") if line.startswith(("Uid:", "Gid:"))]
folders = [os.stat(f) for f in ("/workspace", "/tmp", "/run", "/dev/shm", os.environ["HOME"])]
owners = {str(n) for s in folders for n in (s.st_uid, s.st_gid)}
print(*sorted({*ids[0], *ids[1], *agent[0], *agent[1], *map(str, os.getgroups()), *owners}))`;

Deno.test("each sandbox of all servers has a user id of its own, which no database has", async () => {
  await withServers(async (managers, engine) => {
    const made = await Promise.all(managers.flatMap((manager) => [manager.create(), manager.create()]));
    const uids = await Promise.all(made.map(async (sandbox) => {
      const { outputs } = await sandbox.execute(WHO, { timeoutMs: 30_000, outputBytes: 1000 });
      const text = outputs.map((output) => output.type === "stream" ? output.text : "").join("").trim();
      const [container] = await engine.listContainers({ labels: { [LABEL_NAME]: sandbox.id } });
      assert.equal(text, container?.labels[LABEL_UID], "one id, and the label's");
      return Number(text);
    }));
    assert.equal(new Set(uids).size, 4);
    for (const uid of uids) {
      assert.ok(uid >= SANDBOX_UIDS.first && uid <= SANDBOX_UIDS.last && uid !== DATABASE_UID, `${uid}`);
    }
  });
});

/** Creates a container with the same uid just before each of the first `times` containers, as another server could. */
function rival(times: number, seen: string[], rivals: string[]): (engine: Engine) => CreateContainer {
  return (engine) => async (spec, options) => {
    seen.push(uidOf(spec));
    if (seen.length <= times) {
      rivals.push(
        await engine.createContainer({
          Image: spec.image,
          Labels: { [LABEL_UID]: uidOf(spec), "org.omcp.test": "rival" },
        }, { name: `omcp-test-${crypto.randomUUID()}` }),
      );
    }
    return await new DockerRuntime(engine).createContainer(spec, options);
  };
}

async function removeAll(rivals: readonly string[]): Promise<void> {
  const engine = await connectTestEngine();
  for (const id of rivals) await engine.removeContainer(id);
  engine.close();
}

Deno.test("a user id that another server takes at the same moment is released, and another one drawn", async () => {
  const seen: string[] = [];
  const rivals: string[] = [];
  try {
    await withServers(async ([manager], engine) => {
      const sandbox = await manager.create();
      assert.equal(seen.length, 3);
      const containers = await engine.listContainers({ labels: { [LABEL_NAME]: sandbox.id }, all: true });
      assert.deepEqual(containers.map(({ labels }) => labels[LABEL_UID]), [seen[2]]);
    }, rival(2, seen, rivals));
  } finally {
    await removeAll(rivals);
  }
});

Deno.test("where no user id is free, the creation fails and leaves nothing", async () => {
  const rivals: string[] = [];
  try {
    await withServers(async ([manager]) => {
      await assert.rejects(manager.create(), (error) => {
        assert.ok(error instanceof OmcpError);
        assert.equal(error.code, "sandbox_start_failed");
        assert.match(`${error.message} ${error.state}`, /user id[^]*nothing was left behind/);
        return true;
      });
      assert.deepEqual(manager.list(true), []);
    }, rival(Number.POSITIVE_INFINITY, [], rivals));
  } finally {
    await removeAll(rivals);
  }
});

for (
  const [what, user] of [
    ["the databases' user", () => `${DATABASE_UID}:${DATABASE_UID}`],
    ["another group", (uid: string) => `${uid}:${DATABASE_UID}`],
    ["a neighbour's user", (uid: string) => `${Number(uid) ^ 1}:${uid}`],
  ] as const
) {
  Deno.test(`a sandbox with ${what} is not handed out`, async () => {
    await withServers(async ([manager]) => {
      await assert.rejects(manager.create(), (error) => {
        assert.ok(error instanceof OmcpError);
        assert.equal(error.code, "sandbox_unsafe");
        assert.match(error.message, /the real (?:user|group) id is \d+ instead of \d+/);
        return true;
      });
    }, (engine) => (spec, options) => {
      const request = createContainerRequest(spec);
      return engine.createContainer({ ...request, User: user(uidOf(spec)) }, options);
    });
  });
}
