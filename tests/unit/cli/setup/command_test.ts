import assert from "node:assert/strict";
import { runCommand } from "../../../../src/cli/setup/command.ts";
import { explainLog } from "../../../../src/cli/setup/daemon.ts";
import { ProgressDigest } from "../../../../src/image_setup/mod.ts";

Deno.test("runCommand() returns the exit code and passes on the lines of both streams", async () => {
  const lines: string[] = [];
  const end = await runCommand(["sh", "-c", "printf 'one\\rtwo\\n'; echo three >&2; printf four; exit 3"], {
    deadlineMs: 10_000,
    onLine: (line) => lines.push(line),
  });
  assert.deepEqual(end, { kind: "exited", code: 3 });
  assert.deepEqual(lines.toSorted(), ["four", "one", "three", "two"]);
});

Deno.test("runCommand() ends a program at its deadline", async () => {
  assert.deepEqual(await runCommand(["sleep", "60"], { deadlineMs: 50 }), { kind: "timeout" });
});

Deno.test("runCommand() does not wait for a daemon that keeps the output open", async () => {
  const lines: string[] = [];
  const script = "setsid sleep 60 & echo $!";
  const end = await runCommand(["sh", "-c", script], {
    deadlineMs: 30_000,
    onLine: (line) => lines.push(line),
  });
  Deno.kill(Number(lines[0]), "SIGKILL");
  assert.deepEqual(end, { kind: "exited", code: 0 });
});

Deno.test("runCommand() reports a program that does not exist", async () => {
  assert.deepEqual(await runCommand(["omcp-no-such-program"], { deadlineMs: 1000 }), { kind: "absent" });
});

Deno.test("ProgressDigest shows headings, holds back most other lines and keeps the last ones", () => {
  const shown: string[] = [];
  using digest = new ProgressDigest({
    progress: (text) => shown.push(text),
    title: "job",
    everyMs: 3_600_000,
  });
  digest.heading("begin");
  for (let line = 0; line < 100; line++) digest.line(`\u001b[31mline ${line}\u001b[0m`);
  assert.deepEqual(shown, ["job: begin"]);
  assert.equal(digest.tail.length, 20);
  assert.equal(digest.tail.at(-1), "line 99");
});

Deno.test("explainLog() names a known cause and quotes the log's end", () => {
  const log =
    "starting\nfailed to start daemon: error initializing graphdriver: driver not supported: overlay2\n";
  assert.match(explainLog(log), /ext4 or xfs.*failed to start daemon/);
  assert.match(explainLog("something new\n"), /omcp-dockerd\.log.*something new/);
});
