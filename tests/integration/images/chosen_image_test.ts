/** Sandboxes with other images: those that the operator lists, one pinned by its id, and some that cannot run the agent. */
import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { withImage } from "../../fixtures/docker/built_image.ts";
import { connectTestEngine, newSandbox, run, withServer } from "../../fixtures/server.ts";

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
