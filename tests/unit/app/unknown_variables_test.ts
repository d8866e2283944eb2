import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "../../../src/app/config.ts";
import { type Environment, unknownVariables } from "../../../src/app/unknown_variables.ts";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));

function environment(names: readonly string[], listed: boolean): Environment {
  return { has: (name) => names.includes(name), names: () => listed ? names : undefined };
}

for (const listed of [true, false]) {
  const how = listed ? "in a list of names" : "without a list of names";
  Deno.test(`unknownVariables() finds misspelt settings ${how}, and says which are meant`, () => {
    const names = [
      "OMCP_MAX_SANDBOX",
      "OMCP_MEMROY_MIB",
      "OMCP_IDLE",
      "OMCP_CELL_TIMEOUT_MAX_SECOND",
      "OMCP_PIDS",
    ];
    assert.deepEqual(
      unknownVariables(environment(names, listed)),
      [
        ["OMCP_CELL_TIMEOUT_MAX_SECOND", "OMCP_CELL_TIMEOUT_MAX_SECONDS"],
        ["OMCP_IDLE", "OMCP_IDLE_SECONDS"],
        ["OMCP_MAX_SANDBOX", "OMCP_MAX_SANDBOXES"],
        ["OMCP_MEMROY_MIB", "OMCP_MEMORY_MIB"],
      ].map(([name, meant]) => `${name} is not a setting of this program; did you mean ${meant}?`),
    );
  });

  Deno.test(`unknownVariables() accepts every setting ${how}`, () => {
    assert.deepEqual(unknownVariables(environment(Object.keys(SETTINGS), listed)), []);
  });
}

Deno.test("unknownVariables() names a variable that resembles no setting, without a hint", () => {
  assert.deepEqual(unknownVariables(environment(["OMCP_COLOUR_OF_THE_LOGO", "HOME"], true)), [
    "OMCP_COLOUR_OF_THE_LOGO is not a setting of this program",
  ]);
});

Deno.test("unknownVariables() knows every variable that a program of this project reads", async () => {
  const read = new Set<string>();
  for (const folder of ["src", "scripts", "tests"]) {
    for (const path of await sources(`${PROJECT}${folder}`)) {
      const text = await Deno.readTextFile(path);
      for (const [, name = ""] of text.matchAll(/\b(?:env\.get|read)\(\s*"(OMCP_\w+)"/g)) read.add(name);
    }
  }
  assert.ok(read.has("OMCP_ADMIN_URL") && read.has("OMCP_TEST_LOAD"));
  assert.deepEqual(unknownVariables(environment([...read], true)), []);
});

async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await sources(`${folder}/${name}`));
    else if (name.endsWith(".ts")) found.push(`${folder}/${name}`);
  }
  return found;
}
