import assert from "node:assert/strict";
import { findSettings } from "../../../../src/app/environment.ts";
import { runSetUp } from "../../../../src/cli/setup/main.ts";

Deno.test("omcp setup takes its settings from a file, and refuses an unknown setting", async () => {
  const path = await Deno.makeTempFile();
  const empty = { get: () => undefined, names: () => [] };
  try {
    await Deno.writeTextFile(path, "DOCKER_HOST=unix:///nowhere/engine.sock\n");
    const lines: string[] = [];
    const settings = findSettings(["--settings", path], empty);
    assert.equal(await runSetUp(settings, (line) => lines.push(line)), 1);
    assert.match(lines[0] ?? "", /the engine's socket \/nowhere\/engine\.sock does not respond/);
    assert.doesNotMatch(lines[0] ?? "", /os error/);
    await Deno.writeTextFile(path, "OMCP_IMAGE_REGISTRI=x\n");
    assert.equal(await runSetUp(findSettings([`--settings=${path}`], empty), (line) => lines.push(line)), 1);
    assert.match(lines.join("\n"), /OMCP_IMAGE_REGISTRI is not a setting.*did you mean OMCP_IMAGE_REGISTRY/);
  } finally {
    await Deno.remove(path);
  }
});
