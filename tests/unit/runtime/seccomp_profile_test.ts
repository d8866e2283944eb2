import assert from "node:assert/strict";
import {
  DATABASE_SECCOMP,
  NETWORK_SECCOMP,
  SANDBOX_SECCOMP,
  type SeccompProfile,
} from "../../../src/runtime/mod.ts";

/** What a profile decides about a call: allowed, an errno, or by its arguments. */
function decision(profile: SeccompProfile, name: string): string {
  const rule = profile.rules.find((rule) => rule.calls.includes(name));
  if (rule === undefined) return "EPERM";
  if (rule.action !== "allow") return `errno ${rule.action.errno}`;
  return rule.conditions === undefined ? "allowed" : "by argument";
}

function socketFamilies({ rules }: SeccompProfile): (number | undefined)[] {
  return rules.filter(({ calls }) => calls.includes("socket")).map(({ conditions }) =>
    conditions?.[0]?.equals
  );
}

Deno.test("the seccomp profiles deny by default and decide about each call once", () => {
  for (const profile of [SANDBOX_SECCOMP, DATABASE_SECCOMP, NETWORK_SECCOMP]) {
    const plain = profile.rules.filter(({ conditions }) => conditions === undefined).flatMap(({ calls }) =>
      calls
    );
    assert.deepEqual(plain.filter((name, index) => plain.indexOf(name) !== index), []);
    const dangerous = [
      "bpf",
      "keyctl",
      "mount",
      "open_by_handle_at",
      "perf_event_open",
      "ptrace",
      "setns",
      "unshare",
    ];
    for (const name of dangerous) assert.equal(decision(profile, name), "EPERM", name);
    for (const name of ["io_uring_setup", "clone3"]) assert.equal(decision(profile, name), "errno 38", name);
    for (const name of ["socket", "socketpair", "clone", "mknod", "mknodat"]) {
      assert.equal(decision(profile, name), "by argument", name);
    }
  }
  assert.equal(decision(SANDBOX_SECCOMP, "shmget"), "EPERM");
  assert.equal(decision(DATABASE_SECCOMP, "shmget"), "allowed");
  assert.deepEqual(
    [SANDBOX_SECCOMP, DATABASE_SECCOMP, NETWORK_SECCOMP].map(socketFamilies),
    [[1], [1], [1, 2, 10]],
  );
});
