/** What a client may ask for when it creates a sandbox: memory and processors. */
import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { newSandbox, run, withServer } from "../../fixtures/server.ts";

/** Prints the limits of the container as the code in it sees them. */
const LIMITS = `
import os
def size(path):
    found = os.statvfs(path)
    return found.f_blocks * found.f_frsize >> 20
def read(*paths):
    for path in paths:
        try: return open("/sys/fs/cgroup" + path).read().split()
        except OSError: pass
memory = int(read("/memory.max", "/memory/memory.limit_in_bytes")[0]) >> 20
quota = read("/cpu.max") or read("/cpu/cpu.cfs_quota_us") + read("/cpu/cpu.cfs_period_us")
print(memory, int(quota[0]) / int(quota[1]), size("/workspace"), size("/tmp"), size("/dev/shm"))
`;

Deno.test("a sandbox has the memory and the processors that its creator asked for, within the operator's limits", async () => {
  const settings = {
    OMCP_MEMORY_MIB: "1024",
    OMCP_WORKSPACE_MIB: "256",
    OMCP_MEMORY_MAX_MIB: "1536",
    OMCP_CPU_PERCENT: "50",
    OMCP_CPU_MAX_PERCENT: "100",
    OMCP_DATABASE_URL: "none",
    OMCP_MAX_SANDBOXES: "2",
  };
  await withServer(settings, async (server) => {
    const plain = await newSandbox(server);
    assert.match(await run(server, plain, LIMITS), /^\[stdout\]\n1024 0\.5 256 256 64\n/);
    const large = await server.call("create_sandbox", { memory_mb: 1536, cpus: 1 });
    assert.match(large.text, /^Error capacity: [^]*1536 MiB[^]*2048 MiB that all[^]*1024 MiB are left/);
    assert.doesNotMatch(large.text, /maximum:/);
    const asked = await server.call("create_sandbox", { memory_mb: "768", cpus: 0.75 });
    assert.match(
      asked.text,
      /^Created sandbox \S+ in \S+ s with memory 768 MiB \(\/workspace: 192 MiB\), 0\.75 CPUs\n/,
    );
    const small = sandboxIdIn(asked.text);
    assert.match(await run(server, small, LIMITS), /^\[stdout\]\n768 0\.75 192 192 48\n/);
    const list = (await server.call("list_sandboxes", {})).text.split("\n");
    assert.doesNotMatch(list[1] ?? "", /MiB|CPU/);
    assert.match(list[2] ?? "", / {2}memory 768 MiB \(\/workspace: 192 MiB\) {2}0\.75 CPUs {2}/);
    await server.call("remove_sandbox", { sandbox_id: plain });
    await server.call("remove_sandbox", { sandbox_id: small });
    const alone = await server.call("create_sandbox", { memory_mb: 1536, cpus: 1 });
    assert.match(await run(server, sandboxIdIn(alone.text), LIMITS), /^\[stdout\]\n1536 1\.0 384 384 96\n/);
  });
});

Deno.test("limits that are not numbers, or beyond the operator's, are refused before anything is done", async () => {
  const settings = { OMCP_MEMORY_MAX_MIB: "4096", OMCP_CPU_MAX_PERCENT: "100", OMCP_DATABASE_URL: "none" };
  await withServer(settings, async (server) => {
    // JSON has no NaN: a client sends null, which means "not given" for an optional argument, or text.
    const refused: [Record<string, unknown>, RegExp][] = [
      [{ memory_mb: -1 }, /memory_mb: must be at least 256; received -1/],
      [{ memory_mb: 4097 }, /memory_mb: must be at most 4096; received 4097/],
      [{ memory_mb: 0.5 }, /memory_mb: must be an integer; received 0\.5/],
      [{ memory_mb: "NaN" }, /memory_mb: must be a finite number; received "NaN"/],
      [{ memory_mb: "1e309" }, /memory_mb: must be a finite number; received "1e309"/],
      [{ memory_mb: "2g" }, /memory_mb: must be a finite number; received "2g"/],
      [{ cpus: 0 }, /cpus: must be at least 0\.05; received 0/],
      [{ cpus: -1 }, /cpus: must be at least 0\.05; received -1/],
      [{ cpus: 1.01 }, /cpus: must be at most 1; received 1\.01/],
      [{ cpus: [1] }, /cpus: must be a finite number; received \[1\]/],
      [{ image: "--privileged" }, /unknown argument "image" \(the operator allows no other image\)/],
    ];
    for (const [input, message] of refused) {
      const { isError, text } = await server.call("create_sandbox", input);
      assert.ok(isError, text);
      assert.match(text, /^Error invalid_argument: [^]*State: Nothing was done\./);
      assert.match(text, message);
    }
    assert.equal(
      (await server.call("list_sandboxes", { include_inactive: true })).text,
      "There are no sandboxes.",
    );
  });
});

Deno.test("a sandbox with less memory takes smaller results from the database", async () => {
  await withServer({}, async (server) => {
    const created = await server.call("create_sandbox", { memory_mb: 256 });
    const fetch = (rows: number) =>
      "import psycopg\nwith psycopg.connect() as connection:\n" +
      "    cursor = connection.execute(\"select repeat('x', 1000000) from cdm.person limit " + rows + '")\n' +
      "    print(sum(1 for _ in cursor))";
    assert.match(await run(server, sandboxIdIn(created.text), fetch(8)), /^\[stdout\]\n8\n/);
    assert.match(
      await run(server, sandboxIdIn(created.text), fetch(40)),
      /more than [^]*32 MiB|32\.0 MiB|33554432/,
    );
  });
});
