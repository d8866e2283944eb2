/** What a process of this machine uses, from /proc. */

/** A tick of /proc's times: the same on every Linux of today. */
export const TICKS_MS = 10;

/** A process's use of the machine. */
export interface Usage {
  /** Processor time since its start, ms. */
  readonly cpuMs: number;
  /** Resident memory now, and at most since its start, MB. */
  readonly residentMb: number;
  readonly peakMb: number;
}

/**
 * Reads what a process uses.
 *
 * @param pid The process.
 */
export async function usage(pid: number): Promise<Usage> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  const ticks = Number(fields[11]) + Number(fields[12]);
  return {
    cpuMs: ticks * TICKS_MS,
    residentMb: kilobytes("VmRSS") * 1.024e-3,
    peakMb: kilobytes("VmHWM") * 1.024e-3,
  };
}

/** Memory that this machine could give to new processes, MB. */
export async function availableMb(): Promise<number> {
  const found = /^MemAvailable:\s+(\d+) kB/m.exec(await Deno.readTextFile("/proc/meminfo"))?.[1];
  return Number(found) * 1.024e-3;
}
