import assert from "node:assert/strict";
import { runCdmCommand } from "../../../src/cli/cdm.ts";
import { OmcpError } from "../../../src/errors.ts";

/** What `omcp cdm` prints; its environment is empty. */
async function cdm(...args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  await runCdmCommand(args, () => undefined, (line) => lines.push(line));
  return lines.join("\n");
}

Deno.test("omcp cdm load and sample report what is wrong with a call", async () => {
  const calls: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /Missing command/],
    [["unload"], /Unknown command: cdm unload/],
    [["load", "--into", "local:x"], /Missing folder/],
    [["load", "/nowhere"], /Missing destination/],
    [["load", "/nowhere", "--into", "x"], /local:NAME/],
    [["load", "/nowhere", "--into", "local:x", "--database-url", "postgres://x"], /not both/],
    [["load", "/nowhere", "--into", "local:x", "--cdm-version", "6"], /5\.3 or 5\.4/],
    [["load", "a", "b", "--into", "local:x"], /Too many/],
    [["sample", "--persons", "many", "--into", "local:x"], /must be an integer/],
    [["sample", "--persons", "0", "--into", "local:x"], /persons must be/],
  ];
  for (const [args, message] of calls) {
    const error = await cdm(...args).then(() => undefined, (error: unknown) => error);
    assert(error instanceof OmcpError, args.join(" "));
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, message);
    assert.ok(error.state, `${error.message} has a state`);
    assert.match(error.next ?? "", /^[^\n]+$/, "the next step is one line");
  }
});

Deno.test("omcp cdm list and remove report what is wrong with a call", async () => {
  const calls: readonly (readonly [readonly string[], RegExp])[] = [
    [["list", "local:x"], /Too many/],
    [["list", "--replace"], /does not take --replace/],
    [["remove"], /local:NAME/],
    [["remove", "x"], /local:NAME/],
    [["remove", "local:../x"], /local:NAME/],
    [["remove", "local:x", "local:y"], /Too many/],
    [["remove", "local:x", "--schema", "cdm"], /does not take --schema/],
  ];
  for (const [args, message] of calls) {
    await assert.rejects(cdm(...args), { code: "invalid_argument", message }, args.join(" "));
  }
});

Deno.test("omcp cdm --help names every command", async () => {
  for (const args of [["--help"], ["remove", "--help"], ["list", "-h"]]) {
    assert.match(await cdm(...args), /cdm load DIR.*cdm sample.*cdm list.*cdm remove local:NAME/s);
  }
});
