/** What a process of this machine uses, and whether the machine has other work, from /proc. */
import { setTimeout as delay } from "node:timers/promises";

/** A tick of /proc's times: the same on every Linux of today. */
export const TICKS_MS = 10;

/** Less of all processors' time than this is idle. */
const IDLE_SHARE = 0.15;
const LOOK_MS = 2000;
const SETTLE_MS = 120_000;

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

/**
 * Waits until the machine has nothing to do, such as imports that were put off.
 *
 * @returns Whether it has; it waits two minutes at most.
 */
export async function isIdle(): Promise<boolean> {
  const until = performance.now() + SETTLE_MS;
  let before = await processorTicks();
  while (performance.now() < until) {
    await delay(LOOK_MS);
    const after = await processorTicks();
    if (after.busy - before.busy < IDLE_SHARE * (after.all - before.all)) return true;
    before = after;
  }
  return false;
}

async function processorTicks(): Promise<{ readonly busy: number; readonly all: number }> {
  const [, ...ticks] = (await Deno.readTextFile("/proc/stat")).split("\n", 1)[0]?.split(/ +/) ?? [];
  const all = ticks.slice(0, 8).reduce((sum, each) => sum + Number(each), 0);
  // Idle, and idle with a disk at work.
  return { busy: all - Number(ticks[3]) - Number(ticks[4]), all };
}
