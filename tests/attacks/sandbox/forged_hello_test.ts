/** Code that poses as the agent, or as another owner's, while a server takes sandboxes over. */
import assert from "node:assert/strict";
import { encodeFrame } from "../../../src/agent_protocol/frame.ts";
import { agentVersion } from "../../../src/agent_protocol/messages/agent_version.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { LABEL_INSTANCE, LABEL_REQUEST, labelsOf } from "../../../src/runtime/mod.ts";
import { newSandboxId } from "../../../src/sandbox/factory.ts";
import { ownedName } from "../../../src/sandbox/ownership.ts";
import { VERSION } from "../../../src/version.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { attestationOf } from "../../fixtures/fake_runtime.ts";
import { TEST_POLICY } from "../../fixtures/oci_runtime.ts";
import { runtimeOver, sandboxManager } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, containersOf, newInstance } from "../../fixtures/server.ts";
import { sandboxContainerSpec } from "../../../src/sandbox/policy.ts";

const UID = 59_998;
const CELL = { timeoutMs: 30_000, outputBytes: 10_000 };

/** A hello as an agent would send it, which claims another owner and a longer lease. */
function forgedHello(labels: Record<string, string>): Uint8Array {
  const spec = sandboxContainerSpec(TEST_POLICY, {
    image: "any",
    uid: UID,
    labels,
    env: {},
    command: ["any"],
  });
  const hello = {
    protocol: 1,
    agent: agentVersion(),
    python: "3.13.5",
    mode: "sandbox",
    attestation: attestationOf(spec),
    owner: "mallory",
    lease_seconds: 86_400,
  };
  return encodeFrame({ type: "HELLO", payload: new TextEncoder().encode(JSON.stringify(hello)) });
}

Deno.test("neither a cell nor a container can pose as an agent when a server takes sandboxes over", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const options = { maxSandboxes: 5, outlivesServer: true };
  const runtime = runtimeOver(engine, {});
  const first = sandboxManager(runtime, instance, options);
  const second = sandboxManager(runtime, instance, options);
  try {
    const [alices, bobs] = await Promise.all(["alice", "bob"].map((owner) => first.create({ owner })));
    assert.ok(alices !== undefined && bobs !== undefined);
    const forged = forgedHello({}).toBase64();
    // It goes on while there is no server, wherever it may write.
    await alices.execute(
      `
import base64, os, threading, time
kept, forged = 41, base64.b64decode("${forged}")
def pose():
    global refused
    while True:
        os.write(1, forged)
        for path in ("/proc/1/fd/0", "/proc/1/fd/1"):
            try:
                with open(path, "wb", buffering=0) as stream:
                    stream.write(forged)
            except OSError as error:
                refused = error
        time.sleep(0.01)
threading.Thread(target=pose, daemon=True).start()
`,
      CELL,
    );
    await bobs.execute("kept = 1", CELL);
    await first.close({ detach: true });
    const id = newSandboxId();
    const { ociRuntime } = TEST_POLICY;
    const labels = {
      ...labelsOf({ instance, role: "sandbox", name: id, version: VERSION, uid: UID }),
      [LABEL_REQUEST]: JSON.stringify({ image: "any", ociRuntime, asked: {} }),
    };
    const ownership = { owner: "alice", createdAt: Date.now(), idleMs: 60_000 };
    const rogue = await engine.createContainer({
      Image: imageReference("python"),
      Entrypoint: ["python3", "-c", ROGUE, forged],
      Cmd: [],
      OpenStdin: true,
      Labels: labels,
      HostConfig: {
        AutoRemove: true,
        NetworkMode: "none",
        ...(ociRuntime === undefined ? {} : { Runtime: ociRuntime }),
      },
    }, { name: ownedName({ ...ownership, id }) });
    await engine.startContainer(rogue);
    second.adopt(await runtime.listContainers({ labels: { [LABEL_INSTANCE]: instance }, all: true }));
    await second.adopted;
    assert.deepEqual(second.list().map(({ sandboxId }) => sandboxId).sort(), [alices.id, bobs.id].sort());
    assert.throws(() => second.get(id), { message: /could not be taken over: .*nonce/ });
    const taken = second.get(alices.id);
    assert.equal(taken.owner, "alice");
    assert.equal(second.get(bobs.id).owner, "bob");
    assert.match(
      JSON.stringify((await taken.execute("kept + 1, refused", CELL)).outputs),
      /42, PermissionError/,
    );
    const { endsAt, createdAt } = taken.info();
    assert.equal(endsAt - createdAt, 600_000);
    await eventually(async () => (await containersOf(engine, instance)).length === 2, "the rogue is removed");
  } finally {
    await first.close();
    await second.close();
    await assertNothingLeft(engine, instance);
  }
});

/** Sends its hello as soon as anything arrives, and never the nonce, whose bytes it turns round. */
const ROGUE = `
import base64, os, sys
seen = os.read(0, 1 << 16)
forged = base64.b64decode(sys.argv[1])
while True:
    os.write(1, seen[16:32][::-1] + forged)
`;
