/**
 * Runs the tests for longer than CI does.
 *
 *     deno task test:long [--rounds 3] [--minutes 10] [--load 10]
 *
 * One after another: the whole suite, `rounds` times, with `load` times as many random cases and repetitions (tests/fixtures/load.ts);
 * random SQL through the guard for `minutes`; solvers that attack the numbers of
 * aggregate mode; tests/engines, which start engines of their own (as root; docs/testing.md says what they
 * need); on each engine whose address OMCP_TEST_ENGINES has, separated by commas, the tests that need one. A failure does not end the run.
 */
import { parseArgs } from "node:util";
import { say } from "./output.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    minutes: { type: "string", default: "10" },
    load: { type: "string", default: "10" },
  },
});
const failed: string[] = [];
for (let round = 1; round <= Number(values.rounds); round += 1) {
  await step(`round ${round}`, ["scripts/test.ts"], { OMCP_TEST_LOAD: values.load });
}
await step("random SQL", ["tests/fuzz/postgres/main.ts", "--minutes", values.minutes]);
await step("disclosure", ["tests/fuzz/disclosure/main.ts"]);
for (const name of ["tls", "gvisor", "rootless", "podman"]) {
  await step(`engine: ${name}`, ["scripts/test.ts", `tests/engines/${name}_test.ts`]);
}
for (const engine of engines()) {
  if (!await step(`images on ${engine}`, ["src/cli/setup/main.ts"], { DOCKER_HOST: engine })) continue;
  const kinds = ["conformance", "integration", "attacks", "faults"];
  await step(`tests on ${engine}`, ["scripts/test.ts", ...kinds], { DOCKER_HOST: engine });
}
await say(failed.length === 0 ? "Nothing failed" : `Failed: ${failed.join(", ")}`);
Deno.exit(failed.length === 0 ? 0 : 1);

/** Runs a program of the project. Returns whether it exited with 0. */
async function step(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<boolean> {
  await say(`== ${name}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...args],
    env,
    stdin: "null",
  })
    .spawn().status;
  if (code !== 0) failed.push(name);
  return code === 0;
}

/** The engines other than DOCKER_HOST's. */
function engines(): string[] {
  const named = (Deno.env.get("OMCP_TEST_ENGINES") ?? "").split(",").filter((name) => name !== "");
  const own = Deno.env.get("DOCKER_HOST");
  return [...new Set(named)].filter((engine) => engine !== own);
}
