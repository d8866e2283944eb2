/**
 * The system calls that our containers may make, in the Docker Engine's JSON (its "seccomp" security option; Engine 20.10 and newer).
 *
 * Denied by default. What is let through is what CPython with the scientific libraries, the shells and PostgreSQL use, less what opens
 * the kernel further than that: namespaces, mounts, other processes' memory, keys, BPF, io_uring, sockets other than AF_UNIX.
 */

/** One condition on an argument. The kernel compares all 64 bits of it. */
export interface SeccompArgument {
  /** Which argument, from 0. */
  readonly index: number;
  /** What it is compared with; the mask for SCMP_CMP_MASKED_EQ. */
  readonly value: number;
  /** With SCMP_CMP_MASKED_EQ `value` is the mask and this what must remain. */
  readonly valueTwo?: number;
  /** Equal in all bits, or in those of the mask. */
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_MASKED_EQ";
}

/** What is done on some system calls. */
export interface SeccompRule {
  /** System calls; those the kernel or the architecture does not have are passed over. */
  readonly names: readonly string[];
  /** Let through, or fail with `errnoRet`. */
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  /** The errno of a refusal. @default EPERM */
  readonly errnoRet?: number;
  /** All must hold for the rule to apply. @default any arguments */
  readonly args?: readonly SeccompArgument[];
  /** Where the rule applies, by Go's names of architectures. @default everywhere */
  readonly includes?: { readonly arches: readonly string[] };
}

/** A profile as the engine takes it. */
export interface SeccompProfile {
  /** What no rule names fails with EPERM. */
  readonly defaultAction: "SCMP_ACT_ERRNO";
  /** The machine's architecture and which others' system calls pass with it. */
  readonly archMap: readonly {
    readonly architecture: string;
    readonly subArchitectures: readonly string[];
  }[];
  /** What is let through or fails otherwise. */
  readonly syscalls: readonly SeccompRule[];
}

const FILES =
  `access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
  fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr
  fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr ioctl lchown lgetxattr link linkat listxattr
  llistxattr lremovexattr lseek lsetxattr lstat memfd_create mkdir mkdirat newfstatat open openat openat2 pipe pipe2 pread64 preadv
  preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile
  setxattr splice stat statfs statx symlink symlinkat sync_file_range tee truncate umask unlink unlinkat utime utimensat utimes
  write writev`;

const WAITING =
  `epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 poll ppoll pselect6
  select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_settime`;

const MEMORY =
  `brk get_mempolicy madvise membarrier mincore mlock mlock2 mmap mprotect mremap mseal msync munlock munmap`;

const PROCESSES =
  `arch_prctl capget execve execveat exit exit_group fork futex futex_waitv get_robust_list getcpu getegid geteuid
  getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid getuid kill
  pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr
  sched_setparam sched_setscheduler sched_yield set_robust_list set_tid_address setpgid setpriority setrlimit setsid tgkill times
  tkill vfork wait4 waitid`;

const SIGNALS =
  `alarm getitimer pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
  rt_sigtimedwait rt_tgsigqueueinfo setitimer sigaltstack timer_create timer_delete timer_getoverrun timer_gettime timer_settime`;

const TIME = `clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time`;

/** On sockets that exist already; `socket` itself has a rule of its own. */
const SOCKETS =
  `accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg
  sendto setsockopt shutdown`;

/** The agent confines the kernel process further with the last four. */
const OTHER =
  `getrandom sysinfo uname landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp`;

/** System V shared memory, with which PostgreSQL guards its data folder. In a sandbox it would outlive its processes. */
const SHARED_MEMORY = `shmat shmctl shmdt shmget`;

/**
 * What libraries take as "not in this kernel" and then do without: they must see ENOSYS, not EPERM. clone3 is among them because
 * its flags lie in memory, where no filter sees them; inotify because its instances are counted per uid over all containers.
 */
const ABSENT =
  `cachestat clone3 fanotify_init file_getattr file_setattr futex_requeue futex_wait futex_wake getxattrat
  inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit
  io_uring_enter io_uring_register io_uring_setup listxattrat map_shadow_stack memfd_secret pkey_alloc pkey_free pkey_mprotect
  process_mrelease remap_file_pages removexattrat set_mempolicy_home_node setxattrat`;

const ENOSYS = 38;
const AF_UNIX = 1;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h). */
const CLONE_NAMESPACES = 0x7e020000;
/** Of a file's mode: its type, a FIFO (linux/stat.h). */
const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;
const S_IFREG = 0o100000;

/** The profile of a sandbox. */
export const SANDBOX_SECCOMP: SeccompProfile = profile([]);

/** The profile of a database container: that of a sandbox, and System V shared memory. */
export const DATABASE_SECCOMP: SeccompProfile = profile(words(SHARED_MEMORY));

/**
 * The engine's security option for a profile.
 *
 * @param seccomp The profile.
 * @returns An element of `SecurityOpt`; the profile is inline, the engine reads no file.
 */
export function seccompOption(seccomp: SeccompProfile): string {
  return `seccomp=${JSON.stringify(seccomp)}`;
}

function profile(more: readonly string[]): SeccompProfile {
  const plain = [FILES, WAITING, MEMORY, PROCESSES, SIGNALS, TIME, SOCKETS, OTHER].flatMap(words);
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    // No 32-bit system calls: they would pass by other numbers.
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: [] },
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: [] },
    ],
    syscalls: [
      { names: [...plain, ...more], action: "SCMP_ACT_ALLOW" },
      { names: ["socket", "socketpair"], action: "SCMP_ACT_ALLOW", args: [equal(0, AF_UNIX)] },
      { names: ["clone"], action: "SCMP_ACT_ALLOW", args: [masked(0, CLONE_NAMESPACES, 0)] },
      ...[S_IFIFO, S_IFREG].flatMap((type): SeccompRule[] => [
        {
          names: ["mknod"],
          action: "SCMP_ACT_ALLOW",
          args: [masked(1, S_IFMT, type)],
          includes: { arches: ["amd64"] },
        },
        { names: ["mknodat"], action: "SCMP_ACT_ALLOW", args: [masked(2, S_IFMT, type)] },
      ]),
      { names: words(ABSENT), action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    ],
  };
}

function equal(index: number, value: number): SeccompArgument {
  return { index, value, op: "SCMP_CMP_EQ" };
}

function masked(index: number, mask: number, rest: number): SeccompArgument {
  return { index, value: mask, valueTwo: rest, op: "SCMP_CMP_MASKED_EQ" };
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
