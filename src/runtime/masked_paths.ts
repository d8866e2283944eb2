/**
 * Paths of the machine that are hidden from a container: the runtime mounts /dev/null over a file and an empty folder over a folder.
 *
 * These lists replace the runtime's own. docs/security.md lists what cannot be hidden this way: what each process has, system calls, and what
 * numpy, psutil, polars or DuckDB need.
 */

/** All that any Docker Engine from 20.10 on masks by default, so that old ones mask it too. */
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

/** What tells which machine it is and how it booted. */
const IDENTITY = [
  "/proc/cmdline",
  "/proc/config.gz",
  "/proc/version",
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/random/boot_id",
  // The engine writes the machine's name servers and search domains here, even without a network.
  "/etc/resolv.conf",
] as const;

/** Its activity: load, disks, memory of all containers together. Everybody may even write to /proc/pressure. */
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

/** Its devices, drivers and file systems. Of /sys, processors, memory nodes, huge pages and our own cgroup remain visible. */
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
  // The only class that remains is net: tools list the interfaces there, and only ours exists.
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

/** All paths that are hidden. */
export const MASKED_PATHS: readonly string[] = [...BY_DEFAULT, ...IDENTITY, ...ACTIVITY, ...HARDWARE];

/** Paths that can only be read: Docker's own default. */
export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];
