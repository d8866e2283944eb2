"""Writes statistics.json: inputs and what scipy, statsmodels and lifelines compute from them.

Run where scipy, statsmodels, lifelines and pandas are installed; no test needs them.
"""

import json
import pathlib

import lifelines
import lifelines.statistics
import lifelines.utils
import numpy
import scipy.stats
import statsmodels.stats.proportion


def counted(days, events):
    """A row for each day: events and censorings."""
    rows = []
    for day in sorted(set(days)):
        here = [event for at, event in zip(days, events) if at == day]
        rows.append({"day": day, "events": sum(here), "censored": len(here) - sum(here)})
    return rows


def number(value):
    """A float for JSON, None if it is not finite."""
    return float(value) if numpy.isfinite(value) else None


def curve(days, events):
    """Kaplan and Meier's curve with its limits, and the median with its own, by lifelines."""
    fitted = lifelines.KaplanMeierFitter().fit(days, events)
    limits = fitted.confidence_interval_
    steps = []
    for day in sorted(set(days)):
        steps.append([
            number(fitted.survival_function_.loc[day].iloc[0]),
            number(limits.loc[day].iloc[0]),
            number(limits.loc[day].iloc[1]),
        ])
    median = lifelines.utils.median_survival_times(limits)
    return {
        "counts": counted(days, events),
        "steps": steps,
        "median": [number(fitted.median_survival_time_), *(number(value) for value in median.iloc[0])],
    }


def sample(random, size, scale, censoring, most):
    """Whole days with many ties, and 1 for an event."""
    event = random.exponential(scale, size).astype(int)
    censor = numpy.minimum(random.exponential(censoring, size).astype(int), most)
    return [int(day) for day in numpy.minimum(event, censor)], [int(value) for value in event <= censor]


def test(groups):
    days = [day for own, _ in groups for day in own]
    events = [event for _, own in groups for event in own]
    labels = [at for at, (own, _) in enumerate(groups) for _ in own]
    found = lifelines.statistics.multivariate_logrank_test(days, labels, events)
    return {
        "groups": [counted(*group) for group in groups],
        "chi_square": float(found.test_statistic),
        "degrees": len(groups) - 1,
        "p": float(found.p_value),
    }


def main():
    random = numpy.random.default_rng(20261128)
    curves = [
        sample(random, 200, 90, 200, 120),
        sample(random, 12, 5, 9, 30),
        sample(random, 600, 4000, 700, 2000),
        ([1, 2, 2, 3, 5], [1, 1, 1, 1, 1]),
        ([0, 0, 4, 7, 7, 9], [1, 0, 1, 1, 0, 0]),
        ([3, 3, 8], [0, 0, 0]),
    ]
    groups = [
        [sample(random, 150, 60, 200, 150), sample(random, 120, 80, 200, 150)],
        [sample(random, 40, 12, 30, 25), sample(random, 40, 12, 30, 25), sample(random, 15, 30, 30, 25)],
        [sample(random, 9, 4, 6, 10), sample(random, 7, 4, 6, 10)],
        [sample(random, 500, 900, 300, 365), sample(random, 60, 900, 300, 365), sample(random, 700, 500, 300, 365),
         sample(random, 5, 100, 300, 365)],
    ]
    counts = [0, 1, 2, 3, 7, 10, 29, 30, 100, 1_000, 12_345, 1_000_000]
    sizes = [(0, 1), (1, 1), (0, 20), (3, 20), (20, 20), (1, 2_694), (802, 2_694), (500_001, 1_000_000)]
    means = [[(50.0, 10.0), (47.5, 14.0)], [(1.0, 0.0), (1.0, 0.0)], [(0.25, 3.0), (-4.0, 0.5)]]
    shares = [[0.25, 0.5], [0.0, 0.125], [0.9, 0.9], [1.0, 0.5]]
    written = {
        "poisson": [
            [k, 0.0 if k == 0 else float(scipy.stats.chi2.ppf(0.025, 2 * k) / 2),
             float(scipy.stats.chi2.ppf(0.975, 2 * k + 2) / 2)]
            for k in counts
        ],
        "wilson": [
            [k, n, *(float(value) for value in statsmodels.stats.proportion.proportion_confint(k, n, 0.05, "wilson"))]
            for k, n in sizes
        ],
        "chi_square": [
            [x, degrees, float(scipy.stats.chi2.sf(x, degrees))]
            for degrees in (1, 2, 3, 7, 40)
            for x in (0.0, 0.001, 0.5, 1.0, 3.84, 12.5, 60.0, 400.0)
        ],
        "mean_differences": [
            [*first, *second, float((first[0] - second[0]) / numpy.sqrt((first[1] ** 2 + second[1] ** 2) / 2))
             if first != second else 0.0]
            for first, second in means
        ],
        "proportion_differences": [
            [p, q, float((p - q) / numpy.sqrt((p * (1 - p) + q * (1 - q)) / 2)) if p != q else 0.0] for p, q in shares
        ],
        "curves": [curve(*one) for one in curves],
        "tests": [test(one) for one in groups],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in written.items())
    pathlib.Path(__file__).with_name("statistics.json").write_text("{\n" + lines + "\n}\n")


main()
