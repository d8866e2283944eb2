import assert from "node:assert/strict";
import { findSettings, type ProcessEnvironment, withOrigins } from "../../../src/app/environment.ts";
import { OmcpError } from "../../../src/errors.ts";

const EMPTY: ProcessEnvironment = { get: () => undefined, names: () => [] };

async function withFile(text: string, test: (path: string) => void): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a file of settings may have comments, empty lines, quotes and values of several lines", async () => {
  const text =
    "# a comment\n\nOMCP_PIDS=64 # why\n  export OMCP_IMAGE = 'a' \nKEY=\"x\ny z\n\" # its end\nB=it's\r\nC=\n\tD=1";
  await withFile(text, (path) => {
    const { read, unknown, args } = findSettings(["doctor", "--settings", path], EMPTY);
    assert.deepEqual(["OMCP_PIDS", "OMCP_IMAGE", "KEY", "B", "D"].map(read), [
      "64",
      "a",
      "x\ny z\n",
      "it's",
      "1",
    ]);
    assert.deepEqual(unknown, []);
    assert.deepEqual(args, ["doctor"]);
  });
});

for (
  const [text, line] of [
    ["OMCP_MAX_SANDBOXES 3", 1],
    ["A=1\n\nhunter2", 3],
    ["A='x\ny'\nsome words\nB=1", 3],
    ['{ "OMCP_PIDS": 64 }', 1],
    ["OMCP-PIDS=3", 1],
  ] as const
) {
  Deno.test(`a line that is not NAME=value ends the program, and is not shown: ${JSON.stringify(text)}`, async () => {
    await withFile(text, (path) => {
      assert.throws(() => findSettings([`--settings=${path}`], EMPTY), {
        code: "config_invalid",
        message: `Cannot read the settings in ${path}: line ${line} is not NAME=value`,
      });
    });
  });
}

Deno.test("--env-file, which Node and Deno read themselves, is refused with the option of this program", () => {
  for (const args of [["doctor", "--env-file", "/x/.env"], ["--env-file=/x/.env"]]) {
    assert.throws(() => findSettings(args, EMPTY), {
      code: "invalid_argument",
      next: "Pass --settings /path/to/.env, or set OMCP_ENV_FILE.",
    });
  }
});

Deno.test("withOrigins() adds where the settings of an error are set, and changes no other error", async () => {
  await withFile("OMCP_PIDS=many\nOMCP_MEMORY_MIB=1\n", (path) => {
    const { origin } = findSettings(["--settings", path], {
      get: (name) => name === "OMCP_MAX_SANDBOXES" || name === "OMCP_PIDS" ? "many" : undefined,
      names: () => [],
    });
    const problem =
      "Cannot start: OMCP_PIDS, OMCP_MEMORY_MIB and OMCP_MAX_SANDBOXES must be; OMCP_CPU_PERCENT too";
    const wrong = new OmcpError("config_invalid", problem, { next: "Correct them." });
    const found = withOrigins(wrong, origin);
    assert.ok(found instanceof OmcpError);
    assert.equal(
      found.next,
      `OMCP_PIDS, OMCP_MAX_SANDBOXES: set in the environment. OMCP_MEMORY_MIB: set in the file ${path}. Correct them.`,
    );
    const other = new OmcpError("engine_unreachable", problem);
    assert.equal(withOrigins(other, origin), other);
  });
});
