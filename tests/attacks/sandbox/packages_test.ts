import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** What a cell does to an installation, and what the call may say then. */
const ATTACKS: readonly {
  readonly name: string;
  readonly code: string;
  readonly says: RegExp;
  /** @default humanize */
  readonly package?: string;
}[] = [
  {
    name: "a file in the folder's place",
    code: "open('/workspace/.packages', 'w').close()",
    says: /^Error package_failed: Cannot install: .* is not a folder.*\nState: Nothing was installed/,
  },
  {
    name: "a FIFO in the folder's place",
    code: "import os; os.mkfifo('/workspace/.packages')",
    says: /^Error package_failed: .* is not a folder/,
  },
  {
    name: "a link to a folder of the image",
    code: "import os; os.symlink('/opt/venv/lib', '/workspace/.packages')",
    says: /^Error package_failed: .* is not a folder/,
  },
  {
    name: "folders that look like other packages",
    code:
      "import os\nfor n in range(3000): os.makedirs('/workspace/.packages/%s-%d.dist-info' % ('x' * 180, n))\nos.makedirs('/workspace/.packages/humanize-999.dist-info')",
    says: /^Installed humanize /,
  },
  {
    name: "FIFOs where files belong",
    code:
      "import os\nos.makedirs('/workspace/.packages/humanize-1.dist-info')\nos.mkfifo('/workspace/.packages/humanize-1.dist-info/RECORD')\nos.mkfifo('/workspace/.packages/humanize')",
    says: /^Installed humanize /,
  },
  {
    name: "a RECORD that names files elsewhere",
    code:
      "import os\nos.makedirs('/workspace/.packages/humanize-1.dist-info')\nopen('/workspace/mine.txt', 'w').close()\n" +
      "open('/workspace/.packages/humanize-1.dist-info/RECORD', 'w').write('../mine.txt,,\\n/workspace/mine.txt,,\\n')",
    says: /^Installed humanize /,
  },
  {
    name: "a process that kills all others",
    code:
      "import os, signal, subprocess, sys\nsubprocess.Popen([sys.executable, '-c', '''\nimport os, signal, time\nend = time.monotonic() + 15\nwhile time.monotonic() < end:\n  for n in os.listdir('/proc'):\n    if n.isdigit() and int(n) not in (1, os.getpid(), os.getppid()):\n      try: os.kill(int(n), signal.SIGKILL)\n      except OSError: pass\n'''])",
    says: /^Error package_failed: |^Installed humanize /,
  },
  {
    name: "a process that stops all others",
    code:
      "import os, signal, subprocess, sys\nsubprocess.Popen([sys.executable, '-c', '''\nimport os, signal, time\nend = time.monotonic() + 15\nwhile time.monotonic() < end:\n  for n in os.listdir('/proc'):\n    if n.isdigit() and int(n) not in (1, os.getpid(), os.getppid()):\n      try: os.kill(int(n), signal.SIGSTOP)\n      except OSError: pass\n'''])",
    says: /^Error timeout: |^Error package_failed: |^Installed humanize /,
  },
  {
    name: "FIFOs in the place of commands while they are unpacked",
    // It has a command.
    package: "pyjokes",
    code:
      "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', '''\nimport glob, os, time\nend = time.monotonic() + 15\nwhile time.monotonic() < end:\n  for path in glob.glob('/workspace/.packages-*/bin/*'):\n    try:\n      os.unlink(path)\n      os.mkfifo(path)\n    except OSError: pass\n'''])",
    says: /^Error package_failed: |^Installed pyjokes /,
  },
  {
    name: "a full workspace",
    code:
      "try:\n  with open('/workspace/full', 'wb') as f:\n    while True: f.write(b'x' * 65536)\nexcept OSError: pass",
    says:
      /^Error workspace_full: Cannot install: \/workspace is too full: \d+ bytes and \d+ files are needed/,
  },
  {
    name: "a set that is not in the cache, larger than the workspace and than what is on its way at once",
    package: "duckdb==1.1.3",
    code: "with open('/workspace/full', 'wb') as f:\n  for _ in range(50): f.write(b'x' * 1048576)",
    says:
      /^Error workspace_full: Cannot install: \/workspace is too full: \d+ bytes and \d+ files are needed.*\nState: Nothing was installed/,
  },
];

Deno.test("code in a sandbox can spoil only its own installations, and each call ends with a typed answer", async (t) => {
  await withServer({ OMCP_DATABASE_URL: "none", OMCP_WORKSPACE_MIB: "64" }, async (server) => {
    const neighbour = await newSandbox(server);
    // Fills the cache, so that the attacks meet only the sandbox's installer.
    for (const wanted of ["humanize", "pyjokes"]) {
      const { isError } = await server.call("install_package", { sandbox_id: neighbour, package: wanted });
      assert.equal(isError, false);
    }
    for (const { name, code, says, package: wanted = "humanize" } of ATTACKS) {
      await t.step(name, async () => {
        const sandbox_id = await newSandbox(server);
        await server.call("execute_python_code", { sandbox_id, code });
        const { text } = await server.call("install_package", {
          sandbox_id,
          package: wanted,
          // What stops an installer holds the call to its end; a download takes longer.
          timeout: wanted.startsWith("duckdb") ? 120 : 8,
        });
        assert.match(text, says);
        const kept = await server.call("execute_python_code", {
          sandbox_id,
          code:
            "import os; [n for n in os.listdir('/workspace') if n.startswith('.packages-')], os.path.exists('/workspace/mine.txt')",
          timeout: 30,
        });
        if (name === "a RECORD that names files elsewhere") assert.match(kept.text, /\(\[\], True\)/);
        const beside = await server.call("execute_python_code", {
          sandbox_id: neighbour,
          code: "import humanize; humanize.intcomma(1000)",
        });
        assert.match(beside.text, /'1,000'/);
        await server.call("remove_sandbox", { sandbox_id, force: true });
      });
    }
  });
});
