import assert from "node:assert/strict";
import { usableConfig } from "../../../src/app/usable_config.ts";
import { doctor } from "../../../src/cli/doctor.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

Deno.test("the doctor checks pinned and further images, relates the sandboxes' memory to the machine's, and goes on after a wrong setting", async () => {
  const engine = await connectTestEngine();
  const own = await engine.inspectImage(imageReference("python"));
  engine.close();
  const settings: Record<string, string | undefined> = {
    DOCKER_HOST: Deno.env.get("DOCKER_HOST"),
    OMCP_DATABASE_URL: "none",
    OMCP_IMAGE: `omcp-test-own@${own?.id}`,
    OMCP_IMAGES: "omcp-test-missing:1",
    OMCP_MEMORY_MIB: "1536",
    OMCP_MAX_SANDBOXES: "1000",
    OMCP_MEMORY_MAX_MIB: "2048",
    OMCP_PIDS: "many",
    OMCP_DATASETS: "x=/absent/omcp-test",
    OMCP_OCI_RUNTIME: "runc",
  };
  const lines: string[] = [];
  const { config, problem } = usableConfig((name) => settings[name], ["OMCP_PID is not a setting"]);
  const code = await doctor(config, (line) => lines.push(line), () => undefined, problem);
  const text = lines.join("\n");
  assert.equal(code, 1, "a setting is wrong, and an image and a dataset are missing");
  assert.match(
    text,
    /^FAIL {2}settings: Cannot start: OMCP_PID is not a setting; OMCP_PIDS must be an integer\n {6}The checks below use the default of OMCP_PIDS\.$/m,
  );
  assert.match(text, /^ok {4}OCI runtime of sandboxes: runc, OMCP_OCI_RUNTIME; the engine has .*runc/m);
  assert.match(text, /^ok {4}image omcp-test-own@sha256:[0-9a-f]{64}: \d+ MB$/m);
  assert.match(text, /^FAIL {2}image omcp-test-missing:1: The engine has no image omcp-test-missing:1$/m);
  assert.match(
    text,
    /^ok {4}size of sandboxes: 1536 MiB and 1 CPU, at most 2048 MiB and [\d.]+ CPUs?; 1,000 sandboxes together at most 1536000 MiB, more than the machine's \d+ MiB, and 1,000 CPUs of the machine's \d+ \(limits are not reservations/m,
  );
  assert.match(
    text,
    /^FAIL {2}datasets: Cannot use the datasets of OMCP_DATASETS: dataset x \(\/absent\/omcp-test\) does not exist on the engine's machine\n {6}Correct OMCP_DATASETS/m,
  );
  assert.match(text, /^ok {4}sandbox, from inside: sockets refused/m);
  assert.match(text, /^3 checks failed\.$/m);
});
