/** The gamma function and the incomplete one, from which exact Poisson intervals and the chi-square distribution follow. */

/** Below this, the recurrence moves the argument up to where Stirling's series is exact to 16 digits. */
const STIRLING_FROM = 15;
const EPSILON = 2 ** -52;
/** Keeps a denominator of Lentz's method from 0. */
const TINY = 1e-300;

/**
 * The natural logarithm of the gamma function, by Stirling's series (DLMF 5.11.1) after Γ(x + 1) = x Γ(x).
 *
 * @param x Above 0.
 */
export function lnGamma(x: number): number {
  let product = 1;
  let at = x;
  for (; at < STIRLING_FROM; at += 1) product *= at;
  const square = 1 / (at * at);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) /
    at;
  return (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series - Math.log(product);
}

/** A probability and its complement, each as exact as it can be. */
export interface Tails {
  /** P(a, x): the probability below x. */
  readonly lower: number;
  /** Q(a, x) = 1 − P(a, x). */
  readonly upper: number;
}

/**
 * The regularized incomplete gamma functions: the distribution of a gamma variable of shape a and scale 1. By the power series (DLMF
 * 8.7.1) for x below a + 1, else by the continued fraction (DLMF 8.9.2) with Lentz's method.
 *
 * @param a The shape, above 0.
 * @param x At least 0.
 */
export function incompleteGamma(a: number, x: number): Tails {
  if (x <= 0) return { lower: 0, upper: 1 };
  const factor = Math.exp(a * Math.log(x) - x - lnGamma(a));
  // The terms fall off after about the square root of a.
  const most = 1_000 + Math.ceil(30 * Math.sqrt(a));
  if (x < a + 1) {
    const lower = Math.min(1, factor * series(a, x, most));
    return { lower, upper: 1 - lower };
  }
  const upper = Math.min(1, factor * fraction(a, x, most));
  return { lower: 1 - upper, upper };
}

function series(a: number, x: number, most: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n <= most && term > sum * EPSILON; n += 1) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

function fraction(a: number, x: number, most: number): number {
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n <= most; n += 1) {
    const numerator = n * (a - n);
    b += 2;
    d = 1 / (numerator * d + b || TINY);
    c = b + numerator / c || TINY;
    value *= c * d;
    if (Math.abs(c * d - 1) < EPSILON) break;
  }
  return value;
}

/**
 * The quantile of a gamma variable of scale 1, by bisection.
 *
 * @param a The shape, above 0.
 * @param p The probability below it, from 0 to 1, neither included.
 */
export function gammaQuantile(a: number, p: number): number {
  let low = 0;
  let high = a + 10 * Math.sqrt(a) + 40;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (incompleteGamma(a, middle).lower < p) low = middle;
    else high = middle;
  }
}

/**
 * The probability that a chi-square variable is above a value.
 *
 * @param x The value.
 * @param degrees Degrees of freedom, at least 1.
 */
export function chiSquareAbove(x: number, degrees: number): number {
  return incompleteGamma(degrees / 2, x / 2).upper;
}
