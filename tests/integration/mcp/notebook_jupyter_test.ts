/** Jupyter's own program runs an exported notebook from the top, in a container. It installs Jupyter, so it runs in `deno task test:long` only. */
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { spawn } from "node:child_process";
import { hostCertificates } from "../../../src/lib/host_certificates.ts";
import { PYTHON_IMAGE } from "../../fixtures/images.ts";
import { repetitions } from "../../fixtures/load.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

const DEADLINE_MS = 180_000;

/** Reads certificates and, after a NUL, a notebook; prints the notebook that nbconvert makes of it. */
const SCRIPT = `set -e
cd /tmp && export HOME=/tmp UV_CACHE_DIR=/tmp/uv
python3 -c "import sys; a, b = sys.stdin.read().split(chr(0)); open('ca.pem', 'w').write(a); open('in.ipynb', 'w').write(b)"
if [ -s ca.pem ]; then export SSL_CERT_FILE=/tmp/ca.pem; fi
{ uv venv --python "$(command -v python3)" v && uv pip install --python v/bin/python nbconvert ipykernel matplotlib; } >&2
v/bin/jupyter nbconvert --to notebook --execute --stdout in.ipynb`;

interface RunNotebook {
  readonly cells: readonly { readonly source: unknown; readonly outputs?: readonly unknown[] }[];
}

async function executed(notebook: string): Promise<string> {
  const index = Deno.env.get("PIP_INDEX_URL");
  const child = spawn("docker", [
    ...[
      "run",
      "--rm",
      "-i",
      "--network",
      "bridge",
      "--user",
      "65534:65534",
      "--tmpfs",
      "/tmp:exec,mode=1777",
    ],
    ...(index === undefined ? [] : ["--env", `UV_DEFAULT_INDEX=${index}`]),
    ...["--entrypoint", "sh", PYTHON_IMAGE, "-c", SCRIPT],
  ], { timeout: DEADLINE_MS });
  child.stdin.end(`${await hostCertificates((name) => Deno.env.get(name))}\0${notebook}`);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.notEqual(stdout, "", stderr);
  return stdout;
}

if (repetitions(1) > 1) {
  Deno.test("nbconvert runs an exported notebook from the top to the end", async () => {
    await withServer({ OMCP_DATABASE_URL: "none" }, async (server) => {
      const sandbox_id = await newSandbox(server);
      const run = (code: string, more = {}) =>
        server.call("execute_python_code", { sandbox_id, code, ...more });
      await run("print('drawn ü')\nx = 6");
      await run("1 / 0");
      await run("while True:\n    pass", { timeout: 0.5 });
      await run("import asyncio\nawait asyncio.sleep(0)\n%time y = 7");
      await run("import matplotlib.pyplot as plt\nplt.plot([x, y])\nx * y");
      const { text: notebook = "" } = await server.readResource(`sandbox://${sandbox_id}/notebook.ipynb`);
      const ran: RunNotebook = JSON.parse(await executed(notebook));
      const outputs = ran.cells.map(({ outputs = [] }) => JSON.stringify(outputs));
      assert.equal(outputs.length, 6);
      assert.match(outputs[1] ?? "", /drawn ü/);
      assert.match(outputs[2] ?? "", /ZeroDivisionError/);
      assert.equal(outputs[3], "[]");
      assert.match(outputs[5] ?? "", /"42"[^]*image\/png/);
    });
  });
}
