/** Standardised mean differences between two groups (Austin 2009; OHDSI/FeatureExtraction, computeStandardizedDifference). */

/** A group's mean and standard deviation. */
export interface MeanSpread {
  readonly mean: number;
  readonly sd: number;
}

/**
 * The difference of two means in units of their pooled standard deviation, √((s₁² + s₂²) / 2).
 *
 * @param first One group.
 * @param second The other.
 * @returns 0 where the means are equal; undefined if they differ and neither group varies.
 */
export function meanDifference(first: MeanSpread, second: MeanSpread): number | undefined {
  const difference = first.mean - second.mean;
  if (difference === 0) return 0;
  const pooled = Math.sqrt((first.sd ** 2 + second.sd ** 2) / 2);
  return pooled === 0 ? undefined : difference / pooled;
}

/**
 * The same of two proportions, with the variances p (1 − p).
 *
 * @param first A proportion.
 * @param second The other.
 */
export function proportionDifference(first: number, second: number): number | undefined {
  const spread = (p: number) => ({ mean: p, sd: Math.sqrt(p * (1 - p)) });
  return meanDifference(spread(first), spread(second));
}
