/**
 * What of the host is hidden from a container: the engine mounts /dev/null over a file and an empty folder over a folder.
 *
 * These lists replace the engine's own. A path that the host's kernel does not have is passed over. What cannot be hidden this way,
 * because it is each process's own, a system call, or needed by numpy, psutil, polars or DuckDB, is listed in the README.
 */

/** All that any engine from 20.10 on hides by default, so that old ones hide it too. */
const BY_DEFAULT = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
] as const;

/** Which machine it is, and how it was started. */
const IDENTITY = [
  "/proc/cmdline",
  "/proc/config.gz",
  "/proc/version",
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/random/boot_id",
  // The engine puts the host's name servers and search domains here, network or not.
  "/etc/resolv.conf",
] as const;

/** What goes on in it: its load, its disks, its memory, all containers together. /proc/pressure everybody may even write to. */
const ACTIVITY = [
  "/proc/buddyinfo",
  "/proc/diskstats",
  "/proc/key-users",
  "/proc/loadavg",
  "/proc/locks",
  "/proc/mdstat",
  "/proc/pressure",
  "/proc/schedstat",
  "/proc/softirqs",
  "/proc/swaps",
  "/proc/zoneinfo",
  "/proc/sys/fs/dentry-state",
  "/proc/sys/fs/file-nr",
  "/proc/sys/fs/inode-nr",
  "/proc/sys/fs/inode-state",
  "/proc/sys/fs/quota",
  "/proc/sys/kernel/pty/nr",
] as const;

/** Its devices, drivers and file systems. Of /sys there remain processors, memory nodes, huge pages and our own cgroup. */
const HARDWARE = [
  "/proc/bus",
  "/proc/consoles",
  "/proc/devices",
  "/proc/fs",
  "/proc/iomem",
  "/proc/ioports",
  "/proc/irq",
  "/proc/kallsyms",
  "/proc/misc",
  "/proc/modules",
  "/proc/partitions",
  "/proc/tty",
  "/proc/sys/dev",
  "/sys/block",
  "/sys/bus",
  // Of all classes net remains: tools list the interfaces there, and there is only ours.
  "/sys/class/block",
  "/sys/class/dmi",
  "/sys/class/nvme",
  "/sys/class/scsi_host",
  "/sys/dev",
  "/sys/devices/LNXSYSTM:00",
  "/sys/devices/pci0000:00",
  "/sys/devices/platform",
  "/sys/devices/pnp0",
  "/sys/devices/system/memory",
  "/sys/devices/virtual",
  "/sys/fs/btrfs",
  "/sys/fs/ext4",
  "/sys/fs/f2fs",
  "/sys/fs/xfs",
  "/sys/hypervisor",
  "/sys/kernel/boot_params",
  "/sys/kernel/btf",
  "/sys/kernel/irq",
  "/sys/kernel/notes",
  "/sys/kernel/oops_count",
  "/sys/kernel/security",
  "/sys/kernel/slab",
  "/sys/kernel/uevent_seqnum",
  "/sys/kernel/vmcoreinfo",
  "/sys/kernel/warn_count",
  "/sys/module",
  "/sys/power",
] as const;

/** What is hidden, as the engine takes it. */
export const MASKED_PATHS: readonly string[] = [...BY_DEFAULT, ...IDENTITY, ...ACTIVITY, ...HARDWARE];

/** What can only be read, as the engines have it by default. */
export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];
