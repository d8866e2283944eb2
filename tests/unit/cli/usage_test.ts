import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "../../../src/app/config.ts";
import { COMMANDS } from "../../../src/cli/command_index.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const DEMO = fileURLToPath(new URL("../../../src/cli/demo/main.ts", import.meta.url));

async function failed(script: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...args],
    stdin: "null",
  }).output();
  assert.equal(code, 1);
  assert.equal(stdout.length, 0);
  return new TextDecoder().decode(stderr);
}

for (const name of Object.keys(COMMANDS)) {
  Deno.test(`omcp ${name} refuses an unknown option, and prints its usage`, async () => {
    const stderr = await failed(MAIN, [name, "--frobnicate"]);
    assert.match(stderr, /^invalid_argument: Unknown option '--frobnicate'\n?/);
    assert.match(stderr, /Nothing was done\.\n[^]*omcp /);
    assert.doesNotMatch(stderr, /TypeError|\n +at /);
  });
}

for (const name of Object.keys(COMMANDS)) {
  Deno.test(`omcp ${name} --help explains the command, whatever the settings are`, async () => {
    for (const args of [[name, "--help"], [name, "-h"]]) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "--no-check", MAIN, ...args],
        env: { OMCP_PIDS: "wrong", OMCP_NONSENSE: "1" },
        stdin: "null",
      }).output();
      assert.equal(new TextDecoder().decode(stderr), "");
      assert.equal(code, 0);
      const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
      assert.match(lines.join("\n"), new RegExp(`omcp \\[?${name}[^]*--settings PATH`));
      assert.deepEqual(lines.filter((line, at) => line !== "" && lines.indexOf(line) !== at), []);
    }
  });
}

Deno.test("omcp serve --help lists every setting, for those who have no docs/settings.md", async () => {
  const { help } = await (COMMANDS["serve"] ?? assert.fail())();
  for (const name of Object.keys(SETTINGS)) assert.match(help, new RegExp(`^ {2}${name}=`, "m"));
});

for (const name of ["doctor", "serve"]) {
  Deno.test(`omcp ${name} refuses an argument`, async () => {
    assert.match(await failed(MAIN, [name, "now"]), /^invalid_argument: Unexpected argument 'now'/);
  });
}

for (const task of ["demo", "setup"]) {
  Deno.test(`deno task ${task} --help explains the task, and does nothing else`, async () => {
    const script = fileURLToPath(new URL(`../../../src/cli/${task}/main.ts`, import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, "--help"],
      env: { DOCKER_HOST: "unix:///absent.sock" },
      stdin: "null",
    }).output();
    assert.equal(new TextDecoder().decode(stderr), "");
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), new RegExp(`^Usage: .*task ${task} `));
  });
}

Deno.test("setup --help says the same of --remove in a checkout and in a package", async () => {
  const script = fileURLToPath(new URL("../../../src/cli/setup/main.ts", import.meta.url));
  for (const args of [[script, "--help"], [MAIN, "setup", "--help"]]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", ...args],
      stdin: "null",
    }).output();
    assert.match(
      new TextDecoder().decode(stdout).replaceAll(/\s+/g, " "),
      /--remove remove the images of every version, without asking; images that a container uses, local CDMs, the base image and the engine stay:/,
    );
  }
});

Deno.test("the demo refuses an unknown option, and prints its usage", async () => {
  assert.match(
    await failed(DEMO, ["--frobnicate"]),
    /^invalid_argument: Unknown option '--frobnicate'\nNothing was done\.\nUsage: .*demo \[--data DIR\]/,
  );
});

Deno.test("a misspelt command gets the closest one, and a wrong setting the place where it is set", async () => {
  const misspelt = await failed(MAIN, ["docter"]);
  assert.match(misspelt, /^invalid_argument: Unknown command: docter\n[^]*Did you mean `\S.* doctor`\?/);
  assert.doesNotMatch(await failed(MAIN, ["frobnicate"]), /Did you mean/);
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "OMCP_MAX_SANDBOXES=many\n");
    const wrong = await failed(MAIN, ["serve", "--settings", path]);
    assert.match(wrong, /^config_invalid: Cannot start: OMCP_MAX_SANDBOXES must be an integer$/m);
    assert.ok(wrong.includes(`OMCP_MAX_SANDBOXES: set in the file ${path}.`), wrong);
  } finally {
    await Deno.remove(path);
  }
});
