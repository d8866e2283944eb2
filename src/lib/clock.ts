/** Where code that a test must control in time reads the time. */
export interface Clock {
  /** Milliseconds since any fixed moment: steps of the wall clock do not affect it. */
  monotonic(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
}

/** This process's clocks. */
export const SYSTEM_CLOCK: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};
