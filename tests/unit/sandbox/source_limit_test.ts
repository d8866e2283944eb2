import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readConfig } from "../../../src/app/config.ts";
import { OmcpError } from "../../../src/errors.ts";
import { offeredTools } from "../../../src/mcp/offered_tools.ts";
import { LOCAL_USER } from "../../../src/mcp/principal.ts";
import { MAX_CODE_BYTES } from "../../../src/agent_protocol/messages/mod.ts";
import { NO_SANDBOXES } from "../../fixtures/mcp/no_sandboxes.ts";
import { Sandbox } from "../../../src/sandbox/sandbox.ts";

/** Characters of three bytes each. */
const LONGEST = "漢".repeat(Math.floor(MAX_CODE_BYTES / 3));
const TOO_LONG = "漢".repeat(400_000);

const GUEST = fileURLToPath(new URL("../../../src/guest", import.meta.url));
const CHECK = `
import sys
sys.path.insert(0, sys.argv[1])
from agent.contract import InvalidMessage, execute_params
try:
    execute_params({"code": sys.stdin.read(), "timeout_ms": 1000, "max_output_bytes": 0, "max_text_characters": 0, "silent": False, "execution": "exec_1", "env": {}, "cwd": None})
except InvalidMessage as error:
    print(error)
else:
    print("accepted")
`;

const never = new Promise<never>(() => {});

/** Thrown by a sandbox's channel: the source passed all checks before it. */
class Accepted extends Error {}

function sandbox(): Sandbox {
  return new Sandbox({
    image: "image",
    id: "sbx_test",
    container: {
      name: "test",
      ended: never,
      get channel(): never {
        throw new Accepted();
      },
      remove: () => assert.fail("a source removes no sandbox"),
      rename: () => assert.fail("a source renames no sandbox"),
      detach: () => assert.fail("a source detaches no sandbox"),
    },
    idleMs: 60_000,
    lifetimeMs: 60_000,
    kernelStarted: Promise.resolve(),
  });
}

async function tool(code: string): Promise<unknown> {
  const settings = readConfig(() => undefined);
  const offered = offeredTools({ cdmVersion: "5.4", disclosure: "open", toolsets: ["core"] }, settings);
  const execute = offered.find(({ name }) => name === "execute_python_code");
  assert(execute !== undefined);
  const unused = (): never => assert.fail("only get() is called");
  return await execute.call({ sandbox_id: `sbx_${"0".repeat(32)}`, code }, {
    principal: LOCAL_USER,
    services: {
      sandboxes: {
        ...NO_SANDBOXES,
        get: () => {
          throw new Accepted();
        },
      },
      audit: { execution: unused },
      cdm: undefined,
      packages: undefined,
      limits: settings,
    },
    signal: new AbortController().signal,
    progress() {},
    limit() {},
    note() {},
  }).catch((error: unknown) => error);
}

async function server(code: string): Promise<unknown> {
  return await sandbox().execute(code, { timeoutMs: 1000, outputBytes: 0 }).catch((error: unknown) => error);
}

async function agent(code: string): Promise<string> {
  const child = new Deno.Command("python3", { args: ["-c", CHECK, GUEST], stdin: "piped", stdout: "piped" })
    .spawn();
  const output = child.output();
  await new Blob([code]).stream().pipeTo(child.stdin);
  return new TextDecoder().decode((await output).stdout).trim();
}

Deno.test("the tool, the server and the agent have one limit on a cell's source, in bytes of UTF-8", async () => {
  assert.ok(await tool(LONGEST) instanceof Accepted);
  assert.ok(await server(LONGEST) instanceof Accepted);
  assert.equal(await agent(LONGEST), "accepted");
  for (const refuse of [tool, server]) {
    const error = await refuse(TOO_LONG);
    assert.ok(error instanceof OmcpError, String(error));
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, new RegExp(`at most ${MAX_CODE_BYTES} bytes in UTF-8`));
  }
  assert.equal(
    await agent(TOO_LONG),
    `params.code must be at most ${MAX_CODE_BYTES} bytes; received 1200000`,
  );
});

Deno.test("a source with half of a surrogate pair is refused: another character would take its place", async () => {
  const options = { timeoutMs: 1000, outputBytes: 0 };
  await assert.rejects(sandbox().execute("'\ud800'", options), {
    code: "invalid_argument",
    message: /surrogate/,
  });
  await assert.rejects(sandbox().execute("'\u{1f600}'", options), Accepted);
});
