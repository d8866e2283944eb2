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

Deno.test("the seccomp profiles allow what programs call on aarch64, which lacks the older calls", () => {
  // libc for aarch64 makes these in place of open, stat, poll, select, epoll_wait, dup2, pipe, fork, mkdir, unlink, rename, readlink…
  const calls =
    `openat newfstatat statx ppoll pselect6 epoll_create1 epoll_pwait dup3 pipe2 mkdirat unlinkat renameat renameat2
    linkat symlinkat readlinkat faccessat faccessat2 fchmodat fchownat utimensat getdents64 eventfd2 signalfd4 accept4
    rt_sigaction rt_sigprocmask rt_sigreturn set_tid_address set_robust_list rseq prlimit64 getrandom execve wait4`
      .split(/\s+/);
  for (const profile of [SANDBOX_SECCOMP, DATABASE_SECCOMP, NETWORK_SECCOMP]) {
    assert.ok(profile.architectures.includes("aarch64"));
    for (const name of calls) assert.equal(decision(profile, name), "allowed", name);
    // A rule for one architecture must not be the only one for a call that both have.
    const only = profile.rules.filter(({ architecture }) => architecture !== undefined).flatMap(({ calls }) =>
      calls
    );
    assert.deepEqual([...new Set(only)], ["mknod"]);
  }
});
