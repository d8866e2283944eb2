import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { Engine } from "../../../../src/docker/mod.ts";
import { DockerRuntime } from "../../../../src/runtime/docker/mod.ts";
import { confinement, type ContainerSpec, SANDBOX_SECCOMP } from "../../../../src/runtime/mod.ts";
import { fakeEngine, httpAnswer, VERSION_ANSWER } from "../../../fixtures/docker/support.ts";

const SPEC: ContainerSpec = {
  image: "omcp-python:test",
  command: ["true"],
  workingDir: "/",
  hostname: "x",
  env: {},
  labels: {},
  confinement: confinement(23456, SANDBOX_SECCOMP),
  limits: { memoryBytes: 1 << 26, cpuShares: 64, pids: 16, openFiles: 64, oomScoreAdj: 0 },
  tmpfs: [],
};

/** What an engine without swap accounting responds. */
function response(head: string): unknown {
  if (head.includes("/containers/create")) {
    return { Id: "a".repeat(64), Warnings: ["no swap limit", "no kernel memory limit"] };
  }
  return head.includes("/info") ? { NCPU: 2, MemTotal: 1, Warnings: ["no blkio weight"] } : VERSION_ANSWER;
}

Deno.test("the engine's warnings reach the log, each text once", async () => {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: ["omcp"], sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "fatal" },
    ],
  });
  await using fake = await fakeEngine(async (head, connection) => {
    await connection.write(httpAnswer(200, response(head)));
  });
  const engine = await Engine.connect({ host: fake.host });
  try {
    const runtime = new DockerRuntime(engine);
    await runtime.createContainer(SPEC, { name: "omcp-test-one" });
    await runtime.createContainer(SPEC, { name: "omcp-test-two" });
    assert.deepEqual(await runtime.resources(), { cpus: 2, memoryBytes: 1, cpuQuota: false });
  } finally {
    engine.close();
    await reset();
  }
  assert.deepEqual(records.map(({ level, properties }) => [level, properties["text"]]), [
    ["warning", "no swap limit"],
    ["warning", "no kernel memory limit"],
    ["warning", "no blkio weight"],
  ]);
});

Deno.test("DockerRuntime.resources() asks the engine once", async () => {
  let asked = 0;
  await using fake = await fakeEngine(async (head, connection) => {
    if (head.includes("/info")) asked += 1;
    await connection.write(httpAnswer(200, response(head)));
  });
  const engine = await Engine.connect({ host: fake.host });
  try {
    const runtime = new DockerRuntime(engine);
    const expected = { cpus: 2, memoryBytes: 1, cpuQuota: false };
    assert.deepEqual([await runtime.resources(), await runtime.resources()], [expected, expected]);
    assert.equal(asked, 1);
  } finally {
    engine.close();
  }
});
