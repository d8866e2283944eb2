/**
 * The system calls that our containers may make.
 *
 * Denied by default. The profile allows what CPython with the scientific libraries, the shells and PostgreSQL use. It refuses namespaces, mounts,
 * other processes' memory, keys, BPF, io_uring, and sockets other than AF_UNIX (the resolver of packages also has IP).
 */

/** A processor architecture by Linux's name (`uname -m`). */
export type Architecture = "x86_64" | "aarch64";

/** A condition on one argument: `argument & mask` must equal `equals`. The kernel compares all 64 bits. */
export interface SeccompCondition {
  /** Which argument, from 0. */
  readonly argument: number;
  /** What it must equal. */
  readonly equals: number;
  /** The bits that are compared. @default all */
  readonly mask?: number;
}

/** What happens on some system calls. */
export interface SeccompRule {
  /** System calls; those that the kernel or the architecture lacks are skipped. */
  readonly calls: readonly string[];
  /** The call is allowed, or fails with this errno. */
  readonly action: "allow" | { readonly errno: number };
  /** All must hold for the rule to apply. @default any arguments */
  readonly conditions?: readonly SeccompCondition[];
  /** Where the rule applies. @default everywhere */
  readonly architecture?: Architecture;
}

/** A profile: a call that no rule names fails with EPERM. */
export interface SeccompProfile {
  /** For a runtime that refers to profiles by name. */
  readonly name: string;
  /** Calls by another architecture's numbers end the process or fail. */
  readonly architectures: readonly Architecture[];
  /** What is allowed, or fails otherwise. */
  readonly rules: readonly SeccompRule[];
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

/** On sockets that exist already; `socket` has its own rule. */
const SOCKETS =
  `accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg
  sendto setsockopt shutdown`;

/** The agent confines the kernel process further with the last four. */
const OTHER =
  `getrandom sysinfo uname landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp`;

/** System V shared memory, with which PostgreSQL locks its data folder. In a sandbox it would outlive its processes. */
const SHARED_MEMORY = `shmat shmctl shmdt shmget`;

/**
 * With ENOSYS, libraries assume that the kernel lacks these calls and work without them; EPERM would be an error for them. clone3 is here because
 * its flags are in memory, where no filter sees them; inotify, because the kernel counts its instances per uid over all containers.
 */
const ABSENT =
  `cachestat clone3 fanotify_init file_getattr file_setattr futex_requeue futex_wait futex_wake getxattrat
  inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit
  io_uring_enter io_uring_register io_uring_setup listxattrat map_shadow_stack memfd_secret pkey_alloc pkey_free pkey_mprotect
  process_mrelease remap_file_pages removexattrat set_mempolicy_home_node setxattrat`;

const ENOSYS = 38;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h). */
const CLONE_NAMESPACES = 0x7e020000;
/** Parts of a file's mode: the mask of its type, a FIFO, a regular file (linux/stat.h). */
const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;
const S_IFREG = 0o100000;

/** The profile of a sandbox. */
export const SANDBOX_SECCOMP: SeccompProfile = profile("omcp-sandbox", []);

/** The profile of a database container: that of a sandbox, and System V shared memory. */
export const DATABASE_SECCOMP: SeccompProfile = profile("omcp-database", words(SHARED_MEMORY));

/** The profile of a container that resolves packages: that of a sandbox, and sockets of IPv4 and IPv6. */
export const NETWORK_SECCOMP: SeccompProfile = profile("omcp-network", [], [AF_INET, AF_INET6]);

function profile(name: string, more: readonly string[], families: readonly number[] = []): SeccompProfile {
  const plain = [FILES, WAITING, MEMORY, PROCESSES, SIGNALS, TIME, SOCKETS, OTHER].flatMap(words);
  return {
    name,
    // No 32-bit system calls: they would pass by other numbers.
    architectures: ["x86_64", "aarch64"],
    rules: [
      { calls: [...plain, ...more], action: "allow" },
      { calls: ["socket", "socketpair"], action: "allow", conditions: [{ argument: 0, equals: AF_UNIX }] },
      ...families.map((family): SeccompRule => ({
        calls: ["socket"],
        action: "allow",
        conditions: [{ argument: 0, equals: family }],
      })),
      {
        calls: ["clone"],
        action: "allow",
        conditions: [{ argument: 0, mask: CLONE_NAMESPACES, equals: 0 }],
      },
      ...[S_IFIFO, S_IFREG].flatMap((type): SeccompRule[] => [
        {
          calls: ["mknod"],
          action: "allow",
          conditions: [{ argument: 1, mask: S_IFMT, equals: type }],
          architecture: "x86_64",
        },
        {
          calls: ["mknodat"],
          action: "allow",
          conditions: [{ argument: 2, mask: S_IFMT, equals: type }],
        },
      ]),
      { calls: words(ABSENT), action: { errno: ENOSYS } },
    ],
  };
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
