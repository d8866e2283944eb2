/** The time, for code whose tests must control it. */
export interface Clock {
  /** Milliseconds since some fixed moment; steps of the wall clock do not affect it. */
  monotonic(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
}

/** This process's clocks. */
export const SYSTEM_CLOCK: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};
