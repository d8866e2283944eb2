/** CPUs' worth of time as Docker's quota per period. */
import type { HostConfigSpec } from "../../docker/mod.ts";

/**
 * The period of a quota, in microseconds. The engine's own (`NanoCpus`) is 100 ms: within it, a container with a quota of one CPU may
 * hold two processors for 50 ms, and everybody else waits (docs/decisions/0024-processor-quota-of-10-ms.md).
 */
const PERIOD_US = 10_000;
/** The least quota of a period that Linux accepts, in microseconds. A smaller share gets a longer period. */
const LEAST_QUOTA_US = 1_000;

/**
 * The Engine's fields for a share of processor time.
 *
 * @param cpus CPUs' worth of time, 0.001 or more: Linux accepts no period beyond a second.
 */
export function cpuQuota(cpus: number): Required<Pick<HostConfigSpec, "CpuPeriod" | "CpuQuota">> {
  const period = Math.max(PERIOD_US, Math.ceil(LEAST_QUOTA_US / cpus));
  return { CpuPeriod: period, CpuQuota: Math.round(cpus * period) };
}
