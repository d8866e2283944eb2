import assert from "node:assert/strict";
import { auditFiles } from "../../../../src/observability/audit_files.ts";
import type { ConnectedServer, ToolReply } from "../../../../src/cli/demo/client.ts";
import { withImage } from "../../../fixtures/docker/built_image.ts";
import { HOST_INDEX } from "../../../fixtures/package_index.ts";
import { newSandbox, run, withServer } from "../../../fixtures/server.ts";

const SETTINGS = { OMCP_DATABASE_URL: "none", ...HOST_INDEX };

function install(
  server: ConnectedServer,
  sandbox_id: string,
  given: string | readonly string[],
  more: Record<string, unknown> = {},
): Promise<ToolReply> {
  return server.call("install_package", { sandbox_id, package: given, ...more });
}

Deno.test("install_package installs wheels of the index into a sandbox, which has no network", async (t) => {
  await withServer(SETTINGS, async (server) => {
    const sandbox_id = await newSandbox(server);

    await t.step("a pure one, with its metadata", async () => {
      const { text, isError } = await install(server, sandbox_id, "humanize");
      assert.equal(isError, false, text);
      assert.match(text, /^Installed humanize [\d.]+ \(1 package, [\d.]+ KiB\) in [\d.]+ s\.$/);
      const shown = await run(
        server,
        sandbox_id,
        "import humanize, importlib.metadata as m\nprint(humanize.naturalsize(10**6), m.version('humanize') == humanize.__version__)",
      );
      assert.match(shown, /^\[stdout\]\n1\.0 MB True\n/);
    });

    await t.step("a compiled one and a command, also for programs that a cell starts", async () => {
      const { text, isError } = await install(server, sandbox_id, ["rapidfuzz", "pyfiglet"]);
      assert.equal(isError, false, text);
      assert.match(text, /^Installed pyfiglet [\d.]+, rapidfuzz [\d.]+ \(2 packages, /);
      const shown = await run(
        server,
        sandbox_id,
        "from rapidfuzz import fuzz_cpp\nprint(fuzz_cpp.ratio('ab', 'ac'))\n!pyfiglet --help | head -1; python3 -c 'import rapidfuzz; print(rapidfuzz.__file__)'",
      );
      assert.match(
        shown,
        /^\[stdout\]\n50\.0\nUsage: .*\n\/workspace\/\.packages\/rapidfuzz\/__init__\.py\n/,
      );
    });

    await t.step("a second time there is nothing to do", async () => {
      assert.match(
        (await install(server, sandbox_id, "Humanize>=1")).text,
        /^Already installed: humanize [\d.]+\.$/,
      );
      assert.match(
        (await install(server, sandbox_id, "numpy")).text,
        /^Already installed: numpy [\d.]+\.$/,
      );
    });

    await t.step("while a cell runs, which is not disturbed", async () => {
      const waits = "import os, time\nwhile not os.path.exists('installed'): time.sleep(0.05)\nprint('done')";
      const cell = run(server, sandbox_id, waits);
      const { text, isError } = await install(server, sandbox_id, "inflection");
      assert.equal(isError, false, text);
      const end = { sandbox_id, context: "other", code: "open('installed', 'w').close()" };
      await server.call("execute_python_code", end);
      assert.match(await cell, /^\[stdout\]\ndone\n/);
      assert.match(await run(server, sandbox_id, "import inflection; inflection.camelize('a_b')"), /'AB'/);
    });

    await t.step("a kernel that replaces another sees them, too", async () => {
      assert.match(await run(server, sandbox_id, "import os; os._exit(1)"), /restarted/);
      assert.match(await run(server, sandbox_id, "import humanize; humanize.intcomma(1000)"), /'1,000'/);
    });

    await t.step(
      "another version takes precedence over the image's, even if kernels have imported that ahead",
      async () => {
        const { text, isError } = await install(server, sandbox_id, "cycler<0.12.1");
        assert.equal(isError, false, text);
        assert.match(text, /\nChanged versions: cycler 0\.12\.1 → 0\.12\.0\./);
        assert.match(text, /\nThe kernel has already imported cycler: call restart_kernel/);
        const shown = "import cycler; (cycler.__version__, cycler.__file__)";
        assert.match(await run(server, sandbox_id, shown), /site-packages/);
        assert.match(await run(server, sandbox_id, "import os; os._exit(1)"), /restarted/);
        assert.match(
          await run(server, sandbox_id, shown),
          /\('0\.12\.0', '\/workspace\/\.packages\/cycler\/__init__\.py'\)/,
        );
        assert.match(await run(server, sandbox_id, "import pandas, matplotlib.pyplot; 'fine'"), /'fine'/);
      },
    );

    await t.step("and back again", async () => {
      const { text, isError } = await install(server, sandbox_id, "cycler==0.12.1");
      assert.equal(isError, false, text);
      assert.match(text, /cycler 0\.12\.0 → 0\.12\.1/);
      const shown = await run(
        server,
        sandbox_id,
        "import glob; glob.glob('/workspace/.packages/cycler*') + glob.glob('/workspace/.packages-*')",
      );
      assert.match(
        shown,
        /\['\/workspace\/\.packages\/cycler', '\/workspace\/\.packages\/cycler-0\.12\.1\.dist-info'\]|\['\/workspace\/\.packages\/cycler-0\.12\.1\.dist-info', '\/workspace\/\.packages\/cycler'\]/,
      );
    });

    await t.step("a second sandbox gets them from the cache", async () => {
      const second = await newSandbox(server);
      const { text } = await install(server, second, "humanize");
      assert.match(
        text,
        /^Installed humanize [\d.]+ \(1 package, [\d.]+ KiB\) in [\d.]+ s, from the server's cache\.$/,
      );
      assert.match(await run(server, second, "import humanize; humanize.intcomma(1000)"), /'1,000'/);
      assert.equal((await server.call("remove_sandbox", { sandbox_id: second })).isError, false);
    });

    await t.step("a failure says why, and changes nothing", async () => {
      const cases: [string | string[], string, RegExp][] = [
        ["no-such-package-omcp-test", "package_not_found", /was not found/],
        ["humanize==99999", "package_not_found", /no version of humanize==99999/],
        ["pyradiomics", "package_no_wheel", /no usable wheels/],
        ["numpy<2", "package_no_wheel", /numpy/],
        [
          ["requests==2.31.0", "urllib3==1.26.20", "types-requests==2.32.0.20240914"],
          "package_conflict",
          /urllib3/,
        ],
        ["ipython<9", "package_conflict", /ipython/],
        ["--index-url=https://index.invalid/simple", "invalid_argument", /not a requirement/],
        ["x @ file:///etc/passwd", "invalid_argument", /not a requirement/],
      ];
      for (const [given, code, why] of cases) {
        const { text, isError } = await install(server, sandbox_id, given);
        assert.equal(isError, true, text);
        assert.match(text, new RegExp(`^Error ${code}: `), text);
        assert.match(text, why);
        assert.match(text, /\nState: Nothing was installed\.\n/);
      }
      assert.match(await run(server, sandbox_id, "import humanize; humanize.intcomma(1000)"), /'1,000'/);
    });

    await t.step("a cell that tries to install is pointed to the tool", async () => {
      for (const code of ["%pip install x", "!pip install x", "!uv pip install x", "import nosuchmodule"]) {
        assert.match(await run(server, sandbox_id, code), /call the tool install_package/, code);
      }
    });
  });
});

Deno.test("install_package obeys the operator's list and constraints, and is not offered where it is off", async (t) => {
  await t.step("the list", async () => {
    await withServer(
      { ...SETTINGS, OMCP_PACKAGES: "allowlist", OMCP_PACKAGES_ALLOWLIST: "Humanize, in_flection" },
      async (server) => {
        const sandbox_id = await newSandbox(server);
        const { text } = await install(server, sandbox_id, ["humanize", "rapidfuzz", "requests"]);
        assert.match(
          text,
          /^Error package_not_allowed: Not on this server's list of packages: rapidfuzz, requests\./,
        );
        assert.match(text, /Allowed are: humanize, in-flection;/);
        assert.equal((await install(server, sandbox_id, "humanize")).isError, false);
      },
    );
  });

  await t.step("constraints", async () => {
    const constraintsFile = await Deno.makeTempFile();
    await Deno.writeTextFile(constraintsFile, "humanize<4.10\n");
    await withServer(
      { ...SETTINGS, OMCP_PACKAGES_CONSTRAINTS: constraintsFile },
      async (server) => {
        const sandbox_id = await newSandbox(server);
        assert.match((await install(server, sandbox_id, "humanize")).text, /^Installed humanize 4\.9\.0 /);
        assert.match((await install(server, sandbox_id, "humanize>=4.10")).text, /^Error package_conflict: /);
      },
      { constraintsFile },
    );
    await Deno.remove(constraintsFile);
  });

  await t.step("off", async () => {
    await withServer({ ...SETTINGS, OMCP_PACKAGES: "off" }, async (server) => {
      assert.ok(!(await server.tools()).includes("install_package"));
      const sandbox_id = await newSandbox(server);
      assert.match(
        await run(server, sandbox_id, "%pip install x"),
        /this server does not offer install_package.*OMCP_PACKAGES/s,
      );
    });
  });
});

Deno.test("an installation goes on in the background, and the audit names its packages", async () => {
  const auditFolder = await Deno.makeTempDir();
  await withServer({ ...SETTINGS, OMCP_AUDIT_FOLDER: auditFolder }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const started = await install(server, sandbox_id, ["Humanize>4", "inflection"], { wait: 0 });
    const execution_id = /exec_[0-9a-f]{32}/.exec(started.text)?.[0];
    assert.ok(execution_id, started.text);
    const { text } = await server.call("get_execution", { execution_id });
    assert.match(text, /Installed humanize [\d.]+, inflection [\d.]+ \(2 packages, /);
    await install(server, sandbox_id, "--index-url=https://index.invalid");
  }, { auditFolder });
  const lines = auditFiles(auditFolder).flatMap((name) =>
    Deno.readTextFileSync(`${auditFolder}/${name}`).split("\n")
  ).filter((line) => line.includes("install_package"));
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0] ?? "", /"status":"ok".*"packages":"humanize, inflection"/);
  await Deno.remove(auditFolder, { recursive: true });
});

Deno.test("packages fit an image with another Python, and another network can lead to the index", async () => {
  // Debian's own Python, as in the test of images that are not ours: no virtual environment, no uv.
  const debian =
    "FROM debian:trixie-slim\nRUN apt-get update -q && apt-get install -qy --no-install-recommends python3-ipython\n";
  await withImage(debian, async ({ name }) => {
    await withServer({ ...SETTINGS, OMCP_IMAGE: name, OMCP_PACKAGES_NETWORK: "host" }, async (server) => {
      const sandbox_id = await newSandbox(server);
      const { text, isError } = await install(server, sandbox_id, ["numpy>=2.3", "pygments"]);
      assert.equal(isError, false, text);
      assert.match(text, /^Installed numpy [\d.]+ \(1 package, /);
      assert.match(text, /Already installed: pygments [\d.]+\./);
      const shown = await run(
        server,
        sandbox_id,
        "import numpy, sys\nprint(numpy.__file__, numpy.arange(3).sum(), sys.prefix)\n!python3 -c 'import numpy'",
      );
      assert.match(shown, /^\[stdout\]\n\/workspace\/\.packages\/numpy\/__init__\.py 3 \/usr\n/);
    });
  });
});

Deno.test("an index that is out of reach is an error that names no host and no password", async () => {
  await withServer(
    { ...SETTINGS, OMCP_PACKAGES_INDEX: "http://user:hunter2@127.0.0.1:9/simple" },
    async (server) => {
      const sandbox_id = await newSandbox(server);
      const { text } = await install(server, sandbox_id, "humanize");
      assert.match(text, /^Error package_index_unreachable: The package index is out of reach: /);
      assert.doesNotMatch(text, /hunter2|user:|127\.0\.0\.1/);
      assert.match((await install(server, sandbox_id, "humanize", { timeout: 2 })).text, /^Error timeout: /);
      assert.match(await run(server, sandbox_id, "1 + 1"), /^\[value\]\n2\n/);
    },
  );
  // uv quotes a text that is not a URL as it is.
  await withServer({ ...SETTINGS, PIP_INDEX_URL: "http://user:hun'ter2@[::9/simple" }, async (server) => {
    const { text } = await install(server, await newSandbox(server), "humanize");
    assert.match(text, /^Error package_failed: .*invalid value '<URL>'/);
    assert.doesNotMatch(text, /ter2|user:|::9/);
  });
});

Deno.test("an installation into a sandbox that is removed meanwhile ends with it, and does not advise to try again", async () => {
  await withServer({ ...SETTINGS, OMCP_PACKAGES_INDEX: "http://127.0.0.1:9/simple" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const call = install(server, sandbox_id, "humanize");
    await server.call("remove_sandbox", { sandbox_id, force: true });
    const { text } = await call;
    assert.match(text, /^Error sandbox_not_found: /);
    assert.doesNotMatch(text, /longer timeout/);
  });
});
