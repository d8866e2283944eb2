/** Translates a seccomp profile into Docker's format (the `seccomp` security option; Engine 20.10 and newer). */
import type { Architecture, SeccompCondition, SeccompProfile, SeccompRule } from "../mod.ts";

/** libseccomp's names, and Go's (`GOARCH`), which Docker uses in a rule's `includes`. */
const ARCHITECTURES: Readonly<Record<Architecture, { readonly libseccomp: string; readonly go: string }>> = {
  x86_64: { libseccomp: "SCMP_ARCH_X86_64", go: "amd64" },
  aarch64: { libseccomp: "SCMP_ARCH_AARCH64", go: "arm64" },
};

const ENOSYS = 38;

/**
 * The security option for a profile.
 *
 * @param profile The profile.
 * @returns An element of `HostConfig.SecurityOpt`; the profile is inline, the engine reads no file.
 */
export function seccompOption(profile: SeccompProfile): string {
  const json = {
    defaultAction: "SCMP_ACT_ERRNO",
    archMap: profile.architectures.map((name) => ({
      architecture: ARCHITECTURES[name].libseccomp,
      subArchitectures: [],
    })),
    syscalls: profile.rules.map(syscallsEntry),
  };
  return `seccomp=${JSON.stringify(json)}`;
}

function syscallsEntry({ calls, action, conditions, architecture }: SeccompRule) {
  return {
    names: calls,
    ...actionEntry(action),
    ...(conditions === undefined ? {} : { args: conditions.map(argsEntry) }),
    ...(architecture === undefined ? {} : { includes: { arches: [ARCHITECTURES[architecture].go] } }),
  };
}

/**
 * gVisor returns EPERM whatever `errnoRet` says, and with EPERM from clone3 a program starts no thread. A call that is to be traced
 * returns ENOSYS if nobody traces, in Linux and in gVisor alike (seccomp(2), SECCOMP_RET_TRACE); the profiles allow no ptrace.
 */
function actionEntry(action: SeccompRule["action"]) {
  if (action === "allow") return { action: "SCMP_ACT_ALLOW" };
  if (action.errno === ENOSYS) return { action: "SCMP_ACT_TRACE" };
  return { action: "SCMP_ACT_ERRNO", errnoRet: action.errno };
}

/** With a mask, Docker's `value` is the mask and `valueTwo` what must remain. */
function argsEntry({ argument, equals, mask }: SeccompCondition) {
  return mask === undefined
    ? { index: argument, value: equals, op: "SCMP_CMP_EQ" }
    : { index: argument, value: mask, valueTwo: equals, op: "SCMP_CMP_MASKED_EQ" };
}
