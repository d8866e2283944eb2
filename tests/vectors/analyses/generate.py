"""Writes analyses.json: two small CDMs, analyses of them, and what they are by another way.

Days are counted one by one in sets here, where the program's SQL works on ranges; scipy, statsmodels, lifelines and pandas compute the
statistics. Run it where these are installed; no test needs them.
"""

# Longer than 300 lines: one file shows that nothing of the program is used.

import collections
import datetime
import json
import pathlib
import random

import lifelines
import lifelines.statistics
import numpy
import pandas
import scipy.stats
import statsmodels.stats.proportion

#: The outcome's concepts; 202 is a descendant of 201.
OUTCOME = [{"concept_id": 201, "include_descendants": True}]
OUTCOME_IDS = {201, 202}
GENDERS = {8507: "MALE", 8532: "FEMALE"}
BANDS = [18, 35, 50, 65, 80]
FOREVER = 10**6


def day(text):
    """A date as a number of days."""
    return datetime.date.fromisoformat(text).toordinal()


def text(number):
    """A number of days as a date."""
    return datetime.date.fromordinal(number).isoformat()


class Cdm:
    """A CDM with dirty data: `grid` days between dates make ties."""

    outcome_ids = OUTCOME_IDS
    races = {8527: "White", 8515: "Asian"}

    def __init__(self, seed, persons, grid):
        rng = random.Random(seed)
        first, last = day("2010-01-01"), day("2021-12-31")

        def date(low=first, high=last):
            return low + (rng.randint(0, max(0, high - low)) // grid) * grid

        self.persons, self.periods, self.events, self.deaths = {}, [], [], []
        self.cohorts = {"target": [], "other": [], "case": [], "nobody": []}
        for person in range(1, persons + 1):
            year = rng.randint(1948, 2005)
            month = rng.choice([None, rng.randint(1, 12)])
            self.persons[person] = {
                "gender": rng.choice([8507, 8532, 8532, 0]),
                "race": rng.choice([8527, 8515, 0]),
                "year": year,
                "month": month,
                "day": None if month is None else rng.choice([None, rng.randint(1, 28)]),
                "birth": f"{year}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}" if rng.random() < 0.3 else None,
            }
            at = date(first, first + 1500)
            for _ in range(rng.choice([1, 1, 2])):
                end = min(last, at + rng.randint(20, 2500))
                self.periods.append((len(self.periods) + 1, person, at, end))
                # Some periods adjoin or overlap the one before.
                at = end + rng.choice([1, -100, 400])
                if at >= last:
                    break
            for _ in range(rng.choice([0, 0, 1, 2, 3])):
                table = rng.choice(["condition_occurrence", "drug_exposure", "procedure_occurrence"])
                self.events.append((table, person, rng.choice([201, 202]), date() if rng.random() < 0.9 else None))
            for _ in range(rng.choice([0, 2, 5])):
                table = rng.choice(["condition_occurrence", "drug_exposure", "procedure_occurrence"])
                self.events.append((table, person, rng.choice([301, 302, 303, 0]), date()))
            if rng.random() < 0.3:
                self.deaths.append((person, date()))
            for name, most in (("target", 3), ("other", 1), ("case", 1)):
                for _ in range(rng.randint(0, most)):
                    start = date()
                    self.cohorts[name].append((person, start, rng.choice([start + rng.randint(0, 700), None, start - 5])))
            if rng.random() < 0.3:
                # Two outcomes that begin on one day.
                self.cohorts["case"].extend((owner, start, start + 40) for owner, start, _ in self.cohorts["case"][-1:])
        # Nobody has this id; a period of theirs does not make them a person.
        self.periods.append((len(self.periods) + 1, persons + 1, first, last))
        self.cohorts["target"].append((persons + 1, first, last))
        # Somebody whose entries and events are on one day.
        for person in (1, 2):
            start = next(low for _, owner, low, _ in self.periods if owner == person)
            self.cohorts["target"].append((person, start, start))
            self.events.append(("condition_occurrence", person, 201, start))
            self.events.append(("drug_exposure", person, 301, start))

    def tables(self):
        """The rows as the test writes them."""
        return {
            "person": [[key, *one.values()] for key, one in self.persons.items()],
            "observation_period": [[key, person, text(low), text(high)] for key, person, low, high in self.periods],
            "events": [[*one[:3], None if one[3] is None else text(one[3])] for one in self.events],
            "death": [[person, text(at)] for person, at in self.deaths],
            "cohorts": {
                name: [[person, text(low), None if high is None else text(high)] for person, low, high in rows]
                for name, rows in self.cohorts.items()
            },
        }

    def entries(self, cohort):
        """(person, start, end, period's start, period's end), each once, in order."""
        rows = self.cohorts[cohort] if cohort else [(person, low, high) for _, person, low, high in self.periods]
        found = set()
        for person, start, end in rows:
            end = start if end is None else max(start, end)
            around = sorted((low, key, high) for key, owner, low, high in self.periods
                            if owner == person and low <= start <= high)
            if person in self.persons and around:
                found.add((person, start, end, around[0][0], around[0][2]))
        return sorted(found)

    def first_entries(self, cohort):
        found = {}
        for entry in self.entries(cohort):
            found.setdefault(entry[0], entry)
        return list(found.values())

    def outcomes(self, outcome):
        """person -> {(start, end)}."""
        found = collections.defaultdict(set)
        if "items" in outcome:
            for _, person, concept, at in self.events:
                if concept in self.outcome_ids and at is not None:
                    found[person].add((at, at))
        elif "death" in outcome:
            for person, at in self.deaths:
                found[person].add((at, at))
        else:
            for person, start, end in self.cohorts[outcome["cohort"]]:
                found[person].add((start, start if end is None else max(start, end)))
        return found

    def age(self, person, at):
        """Completed years."""
        one, date = self.persons[person], datetime.date.fromordinal(at)
        born = (one["year"], one["month"] or 1, one["day"] or 1)
        if one["birth"]:
            born = tuple(int(part) for part in one["birth"].split("-"))
        return date.year - born[0] - ((date.month, date.day) < born[1:])

    def keys(self, person, at, strata):
        """The names of the strata that a person is in on a day."""
        names = {
            "gender": lambda: GENDERS.get(self.persons[person]["gender"], "unknown"),
            "age_group": lambda: band(self.age(person, at)),
            "year": lambda: str(datetime.date.fromordinal(at).year),
        }
        return tuple(names[stratum]() for stratum in strata)


def band(age):
    """The name of an age's band."""
    low = max((edge for edge in BANDS if edge <= age), default=None)
    high = min((edge for edge in BANDS if edge > age), default=None)
    if low is None:
        return f"< {high}"
    return f"{low}+" if high is None else f"{low}-{high - 1}"


def limits(entry, time):
    """First and last day at risk."""
    _, start, end, low, high = entry
    anchors = {"start": start, "end": end, "observation_end": high}
    time = {"start_with": "start", "start_offset": 0, "end_with": "end", "end_offset": 0, **time}
    return (
        max(low, anchors[time["start_with"]] + time["start_offset"]),
        min(high, anchors[time["end_with"]] + time["end_offset"]),
    )


def runs(days, split_years):
    """Days in a row, split at new year where asked for."""
    found = []
    for at in sorted(days):
        new_year = split_years and datetime.date.fromordinal(at).timetuple().tm_yday == 1
        if not found or found[-1][-1] != at - 1 or new_year:
            found.append([])
        found[-1].append(at)
    return found


def cohorts_of(request):
    """(name, key) of the groups."""
    names = [request[name] for name in ("cohort", "comparator") if name in request]
    return [(name, name) for name in names] or [("everybody", None)]


def incidence(cdm, request):
    strata, window = request.get("strata", []), request.get("clean_window_days")
    outcomes = cdm.outcomes(request["outcome"])
    rows = []
    for name, key in cohorts_of(request):
        risk = collections.defaultdict(set)
        for entry in cdm.entries(key):
            low, high = limits(entry, request.get("time_at_risk", {}))
            risk[entry[0]].update(range(low, high + 1))
        groups = collections.defaultdict(lambda: {"days": 0, "outcomes": 0, "persons": set(), "cases": set()})
        for person, days in risk.items():
            gone = set()
            for start, end in outcomes.get(person, ()):
                last = max(days, default=0) if window is None else end + window
                gone.update(range(start + 1, last + 1))
            starts = {start for start, _ in outcomes.get(person, ())}
            for run in runs(days, "year" in strata):
                left = set(run) - gone
                for group in sorted({("all",) * len(strata), cdm.keys(person, run[0], strata)}):
                    sums = groups[group]
                    sums["days"] += len(left)
                    sums["outcomes"] += len(starts & left)
                    if left:
                        sums["persons"].add(person)
                    if starts & left:
                        sums["cases"].add(person)
        for group, sums in groups.items():
            k, years = sums["outcomes"], sums["days"] / 365.25 / 1000
            rows.append({
                "cohort": name, **dict(zip(strata, group)),
                "persons_at_risk": len(sums["persons"]), "person_days": sums["days"], "outcomes": k,
                "persons_with_outcome": len(sums["cases"]),
                "rate_per_1000_person_years": k / years if years else None,
                "rate_lower_95": (scipy.stats.chi2.ppf(0.025, 2 * k) / 2 if k else 0) / years if years else None,
                "rate_upper_95": scipy.stats.chi2.ppf(0.975, 2 * k + 2) / 2 / years if years else None,
            })
    return {"rows": rows}


def survival(cdm, request):
    strata, window = request.get("strata", []), request.get("clean_window_days")
    outcomes = cdm.outcomes(request["outcome"])
    people = []
    for name, key in cohorts_of(request):
        for entry in cdm.first_entries(key):
            low, high = limits(entry, request.get("time_at_risk", {}))
            own = outcomes.get(entry[0], ())
            if low > high or any(start < low <= end + (FOREVER if window is None else window) for start, end in own):
                continue
            event = min((start for start, _ in own if low <= start <= high), default=None)
            keys = cdm.keys(entry[0], low, strata)
            people.append((name, keys, (high if event is None else event) - low, int(event is not None)))
    rows = []
    groups = collections.defaultdict(list)
    for name, keys, at, event in people:
        groups[name, keys].append((at, event))
        if strata:
            groups[name, ("all",) * len(strata)].append((at, event))
    for (name, keys), own in groups.items():
        fitted = lifelines.KaplanMeierFitter().fit(*zip(*own))
        table = fitted.event_table
        for at in sorted({at for at, _ in own}):
            value = float(fitted.survival_function_.loc[at].iloc[0])
            interval = [float(one) for one in fitted.confidence_interval_.loc[at]]
            rows.append({
                "cohort": name, **dict(zip(strata, keys)), "day": at, "at_risk": int(table.at_risk[at]),
                "events": int(table.observed[at]), "censored": int(table.censored[at]), "survival": value,
                "survival_lower_95": None if value == 0 else interval[0],
                "survival_upper_95": None if value == 0 else interval[1],
            })
    labels = [str((name, keys)) for name, keys, _, _ in people]
    found = {"rows": rows}
    if len(set(labels)) > 1 and any(event for *_, event in people):
        test = lifelines.statistics.multivariate_logrank_test(
            [at for _, _, at, _ in people], labels, [event for *_, event in people])
        found["log_rank"] = [float(test.test_statistic), len(set(labels)) - 1, float(test.p_value)]
    return found


def table_one(cdm, request):
    strata = request.get("strata", [])
    records = []
    for name, key in cohorts_of(request):
        for person, start, end, low, high in cdm.first_entries(key):
            one = cdm.persons[person]
            record = {
                "group": (name, *cdm.keys(person, start, strata)), "age": cdm.age(person, start),
                "prior observation": start - low, "follow-up": high - start, "time in cohort": end - start,
                "age_group": band(cdm.age(person, start)), "gender": GENDERS.get(one["gender"], "unknown"),
                "race": cdm.races.get(one["race"], "unknown"),
            }
            for covariate in request.get("covariates", []):
                window = range(start + covariate["from_day"], start + covariate["to_day"] + 1)
                ids = {item["concept_id"] for item in covariate["items"]}
                record[covariate["name"]] = "recorded" if any(
                    owner == person and concept in ids and at in window for _, owner, concept, at in cdm.events
                ) else None
            records.append(record)
    frame = pandas.DataFrame(records)
    rows = []
    groups = list(dict(list(frame.groupby("group"))).items())
    order = {name: at for at, (name, _) in enumerate(cohorts_of(request))}
    groups.sort(key=lambda one: order[one[0][0]])
    numbers = ["age", "prior observation", "follow-up", "time in cohort"]
    shares = ["age_group", "gender", "race", *(one["name"] for one in request.get("covariates", []))]
    for group, own in groups:
        named = dict(zip(["cohort", *strata], group))
        for variable in numbers:
            values = own[variable].astype(float)
            rows.append({
                **named, "variable": variable, "persons": len(values), "mean": float(values.mean()),
                "sd": float(values.std()) if len(values) > 1 else None, "min": float(values.min()),
                **{name: float(numpy.percentile(values, at)) for name, at in (("p25", 25), ("median", 50), ("p75", 75))},
                "max": float(values.max()),
                **({"smd": mean_smd(*(each[variable] for _, each in groups))} if len(groups) == 2 else {}),
            })
        for variable in shares:
            for value in sorted(frame[variable].dropna().unique()):
                count = int((own[variable] == value).sum())
                rows.append({
                    **named, "variable": variable, "value": value, "persons": count, "share": count / len(own),
                    **({"smd": share_smd(*((each[variable] == value).mean() for _, each in groups))}
                       if len(groups) == 2 else {}),
                })
    return {"rows": rows}


def mean_smd(first, second):
    return float((first.mean() - second.mean()) / numpy.sqrt((first.var() + second.var()) / 2))


def share_smd(p, q):
    return 0.0 if p == q else float((p - q) / numpy.sqrt((p * (1 - p) + q * (1 - q)) / 2))


def characterize(cdm, request):
    window = request["window_days"]
    names = {0: f"days -{window} to -1", 1: "day 0", 2: f"days 1 to {window}"}
    words = {"condition_occurrence": "condition", "drug_exposure": "drug", "procedure_occurrence": "procedure"}
    [(_, key)] = cohorts_of(request)
    found = collections.defaultdict(set)
    entries = cdm.first_entries(key)
    for person, start, _, low, high in entries:
        for table, owner, concept, at in cdm.events:
            if owner == person and at is not None and low <= at <= high and abs(at - start) <= window and concept:
                found[words[table], names[(at > start) - (at < start) + 1], concept].add(person)
    rows = [
        {"table": table, "window": when, "concept_id": concept, "persons": len(persons),
         "share": len(persons) / len(entries)}
        for (table, when, concept), persons in found.items()
    ]
    return {"rows": rows}


def periods(asked):
    low, high = day(asked["from"]), day(asked["to"])
    size = {"month": 1, "quarter": 3, "year": 12}
    if asked["every"] == "all":
        return [(low, high)]
    starts = [low] + [
        at for at in range(low + 1, high + 1)
        if datetime.date.fromordinal(at).day == 1
        and (datetime.date.fromordinal(at).month - 1) % size[asked["every"]] == 0
    ]
    return [(at, after - 1) for at, after in zip(starts, [*starts[1:], high + 1])]


def prevalence(cdm, request):
    asked, strata = request["periods"], request.get("strata", [])
    outcomes = cdm.outcomes(request["outcome"])
    lookback = asked.get("lookback_days", 0 if "cohort" in request["outcome"] else FOREVER)
    rows = []
    for name, key in cohorts_of(request):
        there = collections.defaultdict(set)
        for person, start, end, _, high in cdm.entries(key):
            there[person].update(range(start, min(end, high) + 1))
        for low, high in periods(asked):
            wanted = {low} if asked.get("type", "point") == "point" else set(range(low, high + 1))
            groups = collections.defaultdict(lambda: [0, 0])
            for person, days in there.items():
                own = days & wanted
                if not own or asked.get("full_observation") and own != wanted:
                    continue
                case = any(any(start <= at <= end + lookback for at in own) for start, end in outcomes.get(person, ()))
                for group in sorted({("all",) * len(strata), cdm.keys(person, min(own), strata)}):
                    groups[group][0] += 1
                    groups[group][1] += case
            for group, (persons, cases) in groups.items():
                lower, upper = statsmodels.stats.proportion.proportion_confint(cases, persons, 0.05, "wilson")
                rows.append({
                    "cohort": name, **dict(zip(strata, group)), "from": text(low), "persons": persons, "cases": cases,
                    "prevalence": cases / persons, "lower_95": max(0.0, float(lower)), "upper_95": float(upper),
                })
    return {"rows": rows}


RUN = {
    "incidence_rate": incidence, "survival": survival, "table_one": table_one, "characterize": characterize,
    "prevalence": prevalence,
}

TO_OBSERVATION_END = {"end_with": "observation_end"}
REQUESTS = [
    {"analysis": "incidence_rate", "outcome": {"items": OUTCOME}},
    {"analysis": "incidence_rate", "cohort": "target", "outcome": {"items": OUTCOME},
     "time_at_risk": TO_OBSERVATION_END, "strata": ["gender", "age_group"]},
    {"analysis": "incidence_rate", "cohort": "target", "comparator": "other", "outcome": {"items": OUTCOME},
     "clean_window_days": 90, "time_at_risk": {"start_offset": 1, "end_with": "start", "end_offset": 730}},
    {"analysis": "incidence_rate", "outcome": {"cohort": "case"}, "clean_window_days": 0, "strata": ["year", "gender"]},
    {"analysis": "incidence_rate", "cohort": "target", "outcome": {"death": True},
     "time_at_risk": {"start_with": "end", "start_offset": -30, "end_with": "end", "end_offset": 60}},
    {"analysis": "survival", "cohort": "target", "outcome": {"items": OUTCOME}, "time_at_risk": TO_OBSERVATION_END},
    {"analysis": "survival", "cohort": "target", "comparator": "other", "outcome": {"death": True},
     "time_at_risk": TO_OBSERVATION_END},
    {"analysis": "survival", "outcome": {"items": OUTCOME}, "strata": ["gender"], "clean_window_days": 60},
    {"analysis": "survival", "cohort": "target", "outcome": {"cohort": "case"}, "strata": ["age_group"],
     "time_at_risk": {"start_offset": 1, "end_with": "start", "end_offset": 1500}},
    {"analysis": "survival", "cohort": "target", "outcome": {"cohort": "case"}, "clean_window_days": 30},
    {"analysis": "table_one", "cohort": "target", "comparator": "other",
     "covariates": [{"name": "treated", "items": [{"concept_id": 301}], "from_day": -400, "to_day": 0}]},
    {"analysis": "table_one", "cohort": "target", "strata": ["gender"]},
    {"analysis": "characterize", "cohort": "target", "window_days": 700},
    {"analysis": "prevalence", "outcome": {"items": OUTCOME},
     "periods": {"from": "2012-01-01", "to": "2020-12-31", "every": "year"}},
    {"analysis": "prevalence", "outcome": {"cohort": "case"}, "strata": ["gender", "age_group"],
     "periods": {"type": "period", "from": "2012-03-15", "to": "2014-12-31", "every": "quarter"}},
    {"analysis": "prevalence", "cohort": "target", "outcome": {"items": OUTCOME},
     "periods": {"type": "period", "from": "2011-01-01", "to": "2018-06-30", "every": "year", "full_observation": True,
                 "lookback_days": 365}},
]


def clean(value):
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: clean(one) for key, one in value.items()}
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, float) and not numpy.isfinite(value):
        return None
    return float(f"{value:.12g}") if isinstance(value, float) else value


def columnar(rows):
    """Rows as columns and lists: names once. `~` is a column that the row does not have."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return {"columns": columns, "rows": [[row.get(key, "~") for key in columns] for row in rows]}


def main():
    sets = []
    for name, seed, persons, grid in (("ties", 1, 80, 45), ("days", 2, 160, 1)):
        cdm = Cdm(seed, persons, grid)
        cases = []
        for request in REQUESTS:
            found = clean(RUN[request["analysis"]](cdm, request))
            cases.append({"request": request, **found, "rows": columnar(found["rows"])})
        sets.append({"name": name, "tables": cdm.tables(), "cases": cases})
    write("analyses.json", sets)


def write(name, value):
    """A case on each line."""
    text = json.dumps(value, separators=(",", ":")).replace('{"request"', '\n{"request"')
    pathlib.Path(__file__).with_name(name).write_text(text + "\n")


if __name__ == "__main__":
    main()
