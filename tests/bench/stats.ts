/** Statistics of series of measurements. */

/** Quantiles of one series, in the unit of its values. */
export interface Summary {
  readonly median: number;
  /** A tenth of the values are below. */
  readonly low: number;
  /** A tenth of the values are above. */
  readonly high: number;
  readonly count: number;
}

/**
 * Summarizes a series. With few values, `low` and `high` are between its extremes and their neighbours.
 *
 * @param values At least one.
 * @returns Median, tenth and ninetieth percentile.
 * @throws {RangeError} If there is no value.
 */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError("Cannot summarize: there must be at least one value");
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.1),
    high: quantile(sorted, 0.9),
    count: sorted.length,
  };
}

/**
 * A quantile of a series.
 *
 * @param values At least one.
 * @param part From 0 to 1; 0.5 is the median.
 * @returns The quantile, interpolated between two values.
 */
export function percentile(values: readonly number[], part: number): number {
  return quantile(values.toSorted((a, b) => a - b), part);
}

function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

/**
 * Times an action.
 *
 * @param action The action, which is timed to its end.
 * @returns Milliseconds.
 */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/**
 * Times an action several times.
 *
 * @param count How often.
 * @param action The action.
 * @returns Milliseconds of each.
 */
export async function repeated(count: number, action: () => Promise<unknown>): Promise<number[]> {
  const figures: number[] = [];
  for (let done = 0; done < count; done += 1) figures.push(await timed(action));
  return figures;
}

/**
 * Measures several things in turn, round after round, so that other load on the machine affects all of them equally.
 *
 * @param rounds The number of rounds.
 * @param actions Name → an action that returns its own figure.
 * @returns Name → its figures.
 */
export async function interleaved<Name extends string>(
  rounds: number,
  actions: Readonly<Record<Name, () => Promise<number>>>,
): Promise<ReadonlyMap<string, number[]>> {
  const figures = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, action] of Object.entries<() => Promise<number>>(actions)) {
      const series = figures.get(name) ?? [];
      series.push(await action());
      figures.set(name, series);
    }
  }
  return figures;
}
