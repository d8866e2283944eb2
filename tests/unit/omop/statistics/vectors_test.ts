/** The statistics equal scipy's, statsmodels' and lifelines': see tests/vectors/statistics/generate.py. */
import assert from "node:assert/strict";
import * as z from "zod";
import {
  kaplanMeier,
  logRank,
  meanDifference,
  medianOf,
  poissonInterval,
  proportionDifference,
  stepAt,
  type TimeCount,
  wilsonInterval,
} from "../../../../src/omop/statistics/mod.ts";
import { chiSquareAbove } from "../../../../src/omop/statistics/gamma.ts";
import vectors from "../../../vectors/statistics/statistics.json" with { type: "json" };

const numbers = z.array(z.number());
const counts = z.array(z.object({ day: z.number(), events: z.number(), censored: z.number() }));
const known = z.object({
  poisson: z.array(numbers),
  wilson: z.array(numbers),
  chi_square: z.array(numbers),
  mean_differences: z.array(numbers),
  proportion_differences: z.array(numbers),
  curves: z.array(z.object({
    counts,
    steps: z.array(z.array(z.number().nullable())),
    median: z.array(z.number().nullable()),
  })),
  tests: z.array(
    z.object({ groups: z.array(counts), chi_square: z.number(), degrees: z.number(), p: z.number() }),
  ),
}).parse(vectors);

function close(found: number, expected: number, what: string): void {
  const allowed = 1e-9 * Math.max(Math.abs(expected), 1e-30);
  assert.ok(Math.abs(found - expected) <= allowed, `${what}: ${found} is not ${expected}`);
}

Deno.test("poissonInterval() equals scipy's chi-square quantiles, from no event to a million", () => {
  for (const [events = 0, lower = 0, upper = 0] of known.poisson) {
    const found = poissonInterval(events);
    close(found.lower, lower, `lower of ${events}`);
    close(found.upper, upper, `upper of ${events}`);
  }
});

Deno.test("wilsonInterval() equals statsmodels', and ends at 0 and 1 exactly", () => {
  for (const [cases = 0, of = 1, lower = 0, upper = 0] of known.wilson) {
    const found = wilsonInterval(cases, of);
    if (cases > 0) close(found.lower, lower, `lower of ${cases}/${of}`);
    else assert.equal(found.lower, 0);
    close(found.upper, upper, `upper of ${cases}/${of}`);
  }
});

Deno.test("chiSquareAbove() equals scipy's, far into the tail", () => {
  for (const [x = 0, degrees = 1, p = 0] of known.chi_square) {
    close(chiSquareAbove(x, degrees), p, `p of ${x} with ${degrees}`);
  }
});

Deno.test("differences of means and proportions are in units of the pooled standard deviation", () => {
  for (const [mean = 0, sd = 0, other = 0, spread = 0, difference = 0] of known.mean_differences) {
    close(
      meanDifference({ mean, sd }, { mean: other, sd: spread }) ?? NaN,
      difference,
      `${mean} and ${other}`,
    );
  }
  for (const [p = 0, q = 0, difference = 0] of known.proportion_differences) {
    close(proportionDifference(p, q) ?? NaN, difference, `${p} and ${q}`);
  }
  assert.equal(proportionDifference(0, 1), undefined, "groups that do not vary, and differ");
  assert.equal(proportionDifference(1, 1), 0);
});

Deno.test("kaplanMeier() and medianOf() equal lifelines', with ties, without events and to the last person", () => {
  for (const { counts, steps, median } of known.curves) {
    const found = kaplanMeier(counts);
    assert.equal(found.length, steps.length);
    for (const [at, [survival = 0, lower = 0, upper = 0]] of steps.entries()) {
      const step = found[at];
      assert.ok(step !== undefined && survival !== null && lower !== null && upper !== null);
      if (survival === 0) assert.equal(step.survival, 0);
      else close(step.survival, survival, `survival on day ${step.day}`);
      // Where nobody is left, lifelines has limits of 0.
      assert.equal(step.interval === undefined, survival === 0);
      if (step.interval === undefined) continue;
      close(step.interval.lower, lower, `lower limit on day ${step.day}`);
      close(step.interval.upper, upper, `upper limit on day ${step.day}`);
    }
    const { day, lower, upper } = medianOf(found);
    // Where the upper limit reaches a half only with the last person, lifelines has that day.
    const last = found.at(-1);
    const ends = upper === undefined && last?.survival === 0 ? last.day : upper;
    assert.deepEqual([day, lower, ends].map((value) => value ?? null), median);
  }
});

Deno.test("logRank() equals lifelines', for two, three and four groups with ties", () => {
  for (const { groups, chi_square, degrees, p } of known.tests) {
    const found = logRank(groups);
    assert.ok(found !== undefined);
    close(found.chiSquare, chi_square, "chi-square");
    assert.equal(found.degrees, degrees);
    close(found.p, p, "p");
  }
});

Deno.test("logRank() leaves out groups in which no event is expected, and needs two others", () => {
  const [{ groups = [] } = {}] = known.tests;
  const early: TimeCount[] = [{ day: 0, events: 0, censored: 5 }];
  const first = groups.flat().find(({ events }) => events > 0)?.day ?? 0;
  assert.ok(first >= 0);
  const later = groups.map((counts) => counts.map((count) => ({ ...count, day: count.day + 1 })));
  assert.deepEqual(logRank([early, ...later, []]), logRank(later));
  assert.equal(logRank([]), undefined);
  assert.equal(logRank([later[0] ?? [], early]), undefined);
  assert.equal(logRank([early, early]), undefined, "no event at all");
});

Deno.test("stepAt() is the curve on a day, undefined before its first step", () => {
  const steps = kaplanMeier([{ day: 3, events: 1, censored: 0 }, { day: 9, events: 0, censored: 1 }]);
  assert.equal(stepAt(steps, 2), undefined);
  assert.equal(stepAt(steps, 8)?.day, 3);
  assert.equal(stepAt(steps, 9)?.survival, 0.5);
});
