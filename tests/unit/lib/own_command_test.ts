import assert from "node:assert/strict";
import { ownCommand, type ProgramFacts, runOwnCommand } from "../../../src/lib/own_command.ts";
import { DENO_VERSION } from "../../../src/version.ts";

const CHECKOUT: ProgramFacts = { packaged: false, compiled: false, mainFile: "", deno: "/usr/bin/deno" };

function packaged(mainFile: string): ProgramFacts {
  return { ...CHECKOUT, packaged: true, mainFile };
}

const PLACES: readonly (readonly [mainFile: string, start: string])[] = [
  ["/home/a/.npm/_npx/8bb0/node_modules/omcp-python-sandbox/program/omcp.mjs", "npx -y omcp-python-sandbox"],
  ["/usr/lib/node_modules/omcp-python-sandbox/program/omcp.mjs", "npx -y omcp-python-sandbox"],
  ["/home/a/project/node_modules/omcp-python-sandbox/program/omcp.mjs", "npx -y omcp-python-sandbox"],
  [
    "/home/a/.cache/uv/archive-v0/Eha/lib/python3.11/site-packages/omcp_python_sandbox/program/omcp.mjs",
    "uvx omcp-python-sandbox",
  ],
  [
    "/home/a/.local/share/uv/tools/omcp-python-sandbox/lib/python3.11/site-packages/omcp_python_sandbox/program/omcp.mjs",
    "uvx omcp-python-sandbox",
  ],
  [
    "/home/a/.venv/lib/python3.11/site-packages/omcp_python_sandbox/program/omcp.mjs",
    "omcp-python-sandbox",
  ],
  ["/home/a/.cache/omcp/0.1.0/omcp.mjs", "omcp"],
];

for (const [mainFile, start] of PLACES) {
  Deno.test(`ownCommand() in ${mainFile} names ${start}`, () => {
    assert.equal(ownCommand("doctor", packaged(mainFile)), `${start} doctor`);
    assert.equal(ownCommand("start", packaged(mainFile)), start);
    assert.equal(ownCommand("start --help", packaged(mainFile)), `${start} serve --help`);
    assert.equal(runOwnCommand("setup", packaged(mainFile)), `Run \`${start} setup\``);
  });
}

Deno.test("ownCommand() in a checkout names a task of Deno, through npx where that started it", () => {
  assert.equal(ownCommand("doctor", CHECKOUT), "deno task doctor");
  const npx = { ...CHECKOUT, deno: "/home/a/.npm/_npx/7a4/node_modules/deno/deno" };
  assert.equal(ownCommand("doctor", npx), `npx -y deno@${DENO_VERSION} task doctor`);
  assert.equal(
    runOwnCommand("setup", npx),
    `Run \`npx -y deno@${DENO_VERSION} task setup\` in the project's folder`,
  );
});

Deno.test("ownCommand() in a compiled program names its own command, but set-up's in the checkout", () => {
  const compiled = { ...CHECKOUT, compiled: true };
  assert.equal(ownCommand("doctor", compiled), "omcp doctor");
  assert.equal(ownCommand("start", compiled), "omcp serve");
  assert.equal(ownCommand("setup", compiled), "deno task setup");
});
