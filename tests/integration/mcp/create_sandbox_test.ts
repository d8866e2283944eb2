/** What a client may ask for when it creates a sandbox: memory, processors, another image. */
import assert from "node:assert/strict";
import type { ConnectedServer } from "../../../src/cli/demo/client.ts";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { withImage } from "../../fixtures/docker/built_image.ts";
import { connectTestEngine, newSandbox, withServer } from "../../fixtures/server.ts";

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

async function run(server: ConnectedServer, sandbox_id: string, code: string): Promise<string> {
  return (await server.call("execute_python_code", { sandbox_id, code })).text;
}

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

Deno.test("a caller may choose an image of the operator's list: any with python3 and ipython works unmodified", async () => {
  const debian =
    "FROM debian:trixie-slim\nRUN apt-get update -q && apt-get install -qy --no-install-recommends python3-ipython\n";
  await withImage(debian, async (ipython) => {
    // As if there had been no IPython: another download of Debian's packages would take long.
    const without = `FROM ${ipython.name}\nRUN apt-get purge -qy python3-ipython\n`;
    await withImage(without, async (bare) => {
      const pinned = `omcp-test-pinned@${ipython.id}`;
      const images = [ipython.name, pinned, bare.name, "debian:trixie-slim", "omcp-test-missing:1"];
      const settings = { OMCP_IMAGES: images.join(", "), OMCP_DATABASE_URL: "none" };
      await withServer(settings, async (server) => {
        for (const image of ["--privileged", "debian", imageReference("postgres"), `${pinned}0`]) {
          const { text } = await server.call("create_sandbox", { image });
          assert.match(text, /^Error invalid_argument: image: must be one of omcp-test-image:/);
        }
        for (const image of [ipython.name, pinned]) {
          const created = await server.call("create_sandbox", { image });
          assert.match(created.text, new RegExp(`^Created sandbox \\S+ in \\S+ s with image ${image}\n`));
          const code = "import getpass, sys\nvalue = 6 * 7\nprint(getpass.getuser(), sys.executable)\nvalue";
          const first = await run(server, sandboxIdIn(created.text), code);
          assert.match(first, /^\[stdout\]\nsandbox \/usr\/bin\/python3\n[^]*42/);
          assert.match(await run(server, sandboxIdIn(created.text), "value + 1"), /43/);
        }
        const failures: [string, RegExp][] = [
          [
            bare.name,
            /^Error kernel_unavailable: The image omcp-test-image:\S+ has no usable IPython[^]*Next: Install it in the image \(pip install ipython, or Debian's package python3-ipython\)/,
          ],
          [
            "debian:trixie-slim",
            /^Error kernel_unavailable: The image debian:trixie-slim has no python3 on its PATH\.[^]*Next: Use an image with python3 ≥ 3\.9 and ipython/,
          ],
          ["omcp-test-missing:1", /^Error image_missing: The engine has no image omcp-test-missing:1\./],
        ];
        for (const [image, error] of failures) {
          const { text } = await server.call("create_sandbox", { image });
          assert.match(text, error);
          assert.match(
            text,
            /State: (?:No sandbox was created; nothing was left behind|Nothing was started)\./,
          );
        }
        assert.match((await server.call("list_sandboxes", {})).text, /^2 sandboxes:/);
      });
    });
  });
});

Deno.test("with pinned images a server starts with an image by its id, and creates no sandbox from another", async () => {
  const engine = await connectTestEngine();
  const own = await engine.inspectImage(imageReference("python"));
  engine.close();
  const image = `omcp-test-own@${own?.id}`;
  const settings = { OMCP_IMAGE: image, OMCP_IMAGES_PINNED: "on", OMCP_DATABASE_URL: "none" };
  await withServer(
    { ...settings, OMCP_IMAGES: `omcp-test-other@sha256:${"0".repeat(64)}` },
    async (server) => {
      assert.match(await run(server, await newSandbox(server), "import numpy; 40 + 2"), /42/);
      const named = await server.call("create_sandbox", { image });
      assert.match(named.text, new RegExp(`with image ${image}\n`));
      const missing = await server.call("create_sandbox", {
        image: `omcp-test-other@sha256:${"0".repeat(64)}`,
      });
      assert.match(
        missing.text,
        /^Error image_missing: The engine has no image omcp-test-other@sha256:0{64}\./,
      );
    },
  );
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

/** Files in place of a python3 of another architecture, an older one, and one without ctypes. */
const UNUSABLE: readonly [what: string, change: string, error: RegExp][] = [
  [
    "another architecture",
    "printf '\\177ELF\\002\\001\\001' >/opt/venv/bin/python3.new && mv /opt/venv/bin/python3.new /opt/venv/bin/python3",
    /^Error kernel_unavailable: The image omcp-test-image:\S+ is for another processor architecture[^]*Next: Pull or build/,
  ],
  [
    "an old python3",
    "printf '%s\\n' '#!/bin/sh' 'exec /usr/bin/python3 -I -S -u -c \"import sys; sys.version_info = (3, 8, 1); exec(sys.argv[1])\" \"$5\"' >/opt/venv/bin/python3.new && mv /opt/venv/bin/python3.new /opt/venv/bin/python3",
    /^Error kernel_unavailable: The image omcp-test-image:\S+ has a python3 that is older than 3\.9/,
  ],
  [
    "no ctypes",
    "rm -r /usr/lib/python3.13/ctypes",
    /^Error sandbox_unsafe: [^]*Next: If python3 in the image omcp-test-image:\S+ has no ctypes/,
  ],
];

Deno.test("an image whose python3 cannot run the agent is named, with what it lacks", async (t) => {
  for (const [what, change, error] of UNUSABLE) {
    await t.step(what, async () => {
      const dockerfile = `FROM ${
        imageReference("python")
      }\nUSER 0\nRUN ${change} && chmod 755 /opt/venv/bin/python3\n`;
      await withImage(dockerfile, async ({ name }) => {
        await withServer(
          { OMCP_IMAGES: name, OMCP_DATABASE_URL: "none", OMCP_PACKAGES: "off" },
          async (server) => {
            const { text } = await server.call("create_sandbox", { image: name });
            assert.match(text, error);
            assert.match(text, /State: No sandbox was created; nothing was left behind\./);
          },
        );
      });
    });
  }
});
