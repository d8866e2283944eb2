import assert from "node:assert/strict";
import { DockerRuntime } from "../../../../src/runtime/docker/mod.ts";
import { CPU_SHARES, LABEL_INSTANCE } from "../../../../src/runtime/mod.ts";
import { LocalDatabase } from "../../../../src/postgres/local/container.ts";
import { databaseProcessors } from "../../../../src/postgres/local/processors.ts";
import { POSTGRES_IMAGE } from "../../../fixtures/images.ts";
import { connectTestEngine } from "../../../fixtures/server.ts";

Deno.test("databaseProcessors() leaves the server a part of the machine, and asks no engine for what it cannot do", () => {
  const of = (cpus: number, cpuQuota = true): number | undefined => databaseProcessors({ cpus, cpuQuota });
  assert.deepEqual([of(1), of(2), of(4), of(64)], [0.75, 1.5, 3, 4]);
  assert.equal(of(2, false), undefined);
});

Deno.test("the server comes before the database, and the database before any sandbox", () => {
  const server = 1024;
  assert.ok(server > CPU_SHARES.database && CPU_SHARES.database > CPU_SHARES.sandbox);
});

Deno.test("the local database's container has a limit and a weight for its processor time", async () => {
  const engine = await connectTestEngine();
  const instance = `test-${crypto.randomUUID()}`;
  const runtime = new DockerRuntime(engine);
  const cpus = databaseProcessors(await runtime.resources());
  const local = new LocalDatabase({
    runtime,
    instance,
    image: POSTGRES_IMAGE,
    data: { kind: "sample" },
    leaseSeconds: 60,
    cpus,
  });
  try {
    const stream = await local.open(AbortSignal.timeout(60_000));
    await stream.readable.cancel();
    const [found] = await engine.listContainers({ labels: { [LABEL_INSTANCE]: instance } });
    const seen = await new Deno.Command("docker", {
      args: [
        "inspect",
        "--format",
        "{{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}} {{.HostConfig.CpuShares}}",
        found?.id ?? "",
      ],
    }).output();
    const [quota = 0, period = 0, weight] = new TextDecoder().decode(seen.stdout).trim().split(" ").map(
      Number,
    );
    assert.deepEqual([quota / period, weight], [cpus, CPU_SHARES.database]);
  } finally {
    await local.close();
    engine.close();
  }
});
