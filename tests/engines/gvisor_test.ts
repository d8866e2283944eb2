/**
 * Sandboxes on gVisor: a current `runsc`, whose path OMCP_TEST_RUNSC has, and one of 2022, Debian 12's, whose path
 * OMCP_TEST_OLD_RUNSC has, which must be refused.
 */
import assert from "node:assert/strict";
import { readConfig } from "../../src/app/config.ts";
import { doctor } from "../../src/cli/doctor.ts";
import { PROJECT } from "../fixtures/server.ts";
import { withSecondEngine } from "./second_engine.ts";

const RUNSC = Deno.env.get("OMCP_TEST_RUNSC") || "/usr/local/bin/runsc";
const OLD_RUNSC = Deno.env.get("OMCP_TEST_OLD_RUNSC") || undefined;

/** Without a network of its own, and with the machine's own way of calling the kernel: no KVM is needed. */
const ARGUMENTS = ["--network=none", "--platform=systrap"];

/** The tests of a sandbox's confinement. */
const ISOLATION = [
  "tests/integration/sandbox/isolation_test.ts",
  "tests/integration/sandbox/own_uid_test.ts",
  "tests/attacks/sandbox/outside_test.ts",
  "tests/attacks/sandbox/forged_hello_test.ts",
];

async function diagnosis(host: string, runtime: string): Promise<string> {
  const settings: Record<string, string> = {
    DOCKER_HOST: host,
    OMCP_DATABASE_URL: "none",
    OMCP_OCI_RUNTIME: runtime,
  };
  const lines: string[] = [];
  await doctor(readConfig((name) => settings[name]), (line) => lines.push(line));
  return lines.join("\n");
}

Deno.test("sandboxes run on a current gVisor and pass the tests of isolation; one that cannot confine them is refused", async (t) => {
  const runtimes = {
    runsc: { path: RUNSC, runtimeArgs: [...ARGUMENTS, "--oci-seccomp"] },
    "runsc-unfiltered": { path: RUNSC, runtimeArgs: ARGUMENTS },
    ...(OLD_RUNSC === undefined
      ? {}
      : { "runsc-old": { path: OLD_RUNSC, runtimeArgs: ["--network=none", "--platform=ptrace"] } }),
  };
  await withSecondEngine({ runtimes }, async ({ host, copyImage }) => {
    await copyImage("python");
    await copyImage("postgres");
    await t.step("the doctor accepts it, and says which limit of processes holds", async () => {
      const found = await diagnosis(host, "runsc");
      assert.match(found, /^ok {4}OCI runtime of sandboxes: runsc, OMCP_OCI_RUNTIME/m);
      assert.match(found, /^ok {4}sandbox, from inside: .*processes limited for its user/m);
    });
    await t.step("without --oci-seccomp it is refused", async () => {
      assert.match(
        await diagnosis(host, "runsc-unfiltered"),
        /^FAIL {2}sandbox, from inside: .*the seccomp mode is 0 instead of 2/m,
      );
    });
    if (OLD_RUNSC !== undefined) {
      await t.step("one that lets code open the agent's channel is refused for it", async () => {
        assert.match(
          await diagnosis(host, "runsc-old"),
          /^FAIL {2}sandbox, from inside: .*other processes can open the agent's channel to the server/m,
        );
      });
    }
    for (const file of ISOLATION) {
      await t.step(file, async () => {
        const { code } = await new Deno.Command(Deno.execPath(), {
          args: ["test", "-A", "--no-prompt", "--no-check", file],
          cwd: PROJECT,
          env: { DOCKER_HOST: host, OMCP_OCI_RUNTIME: "runsc" },
        }).spawn().status;
        assert.equal(code, 0);
      });
    }
  });
});
