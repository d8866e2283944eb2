import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { volumeName } from "../../../src/cdm/local_name.ts";
import { connectTestEngine } from "../../fixtures/server.ts";
import { withFolder } from "../../fixtures/cdm/folder_files.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/demo/main.ts", import.meta.url));
const PERSON =
  "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n1,8507,1970,0,0\n";

/** Runs the demo on a folder, with settings in a file; interrupts it once its output matches. Returns its exit code and output. */
async function demo(folder: string, interruptAt?: RegExp): Promise<{ code: number; text: string }> {
  await Deno.writeTextFile(`${folder}/settings`, "OMCP_TOOLSETS=core\n");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "--data", folder, "--settings", `${folder}/settings`],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  let sent = false;
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (sent || interruptAt?.test(text) !== true) continue;
    sent = true;
    child.kill("SIGINT");
  }
  return { code: (await child.status).code, text };
}

/** Asserts that the volume that the demo has named is gone. */
async function assertVolumeGone(text: string): Promise<void> {
  const name = /it is local:(demo-[0-9a-f]{8})$/m.exec(text)?.[1];
  assert.ok(name, text);
  const engine = await connectTestEngine();
  try {
    assert.equal(await engine.inspectVolume(volumeName(name)), undefined);
  } finally {
    engine.close();
  }
}

for (
  const [moment, pattern] of [["the load", /\bread +loaded/], ["the steps", /Two cells share state/]] as const
) {
  Deno.test(`the demo that Ctrl-C stops during ${moment} leaves no container and no volume`, async () => {
    await withFolder({ "person.csv": PERSON }, async (folder) => {
      const { code, text } = await demo(folder, pattern);
      assert.equal(code, 130, text);
      assert.match(text, /containers of this demo: 0\n +volumes of this demo: 0 of [01] created/);
      assert.doesNotMatch(text, /\. remove_sandbox/);
      if (moment === "the steps") assert.match(text, /: create_sandbox, execute_python_code,/);
      await assertVolumeGone(text);
    });
  });
}

Deno.test("the demo whose load fails shows no other data and leaves nothing", async () => {
  const person = [
    "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id",
    "1,8507,unknown,0,0",
  ];
  await withFolder({ "person.csv": person.join("\n") }, async (folder) => {
    const { code, text } = await demo(folder);
    assert.equal(code, 1, text);
    assert.doesNotMatch(text, /create_sandbox/);
    assert.match(text, /containers of this demo: 0\n +volumes of this demo: 0 of 0 created/);
    assert.match(text, /1 of 2 steps failed/);
    await assertVolumeGone(text);
  });
});
