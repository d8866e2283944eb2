import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

const METFORMIN = [{ concept_id: 1503297, include_descendants: true }];
const DIABETES = [{ concept_id: 201826, include_descendants: true }];
const PERSONS = [{ fn: "count_persons" }];

/** The cohort "women" by hand: who enters, and the start. */
const WOMEN = `with first as (
  select person_id, min(drug_exposure_start_date) as start from cdm.drug_exposure
  where drug_concept_id in (select descendant_concept_id from cdm.concept_ancestor where ancestor_concept_id = 1503297)
  group by 1)
select f.person_id, f.start from first f join cdm.person p using (person_id) join cdm.observation_period o using (person_id)
where f.start between o.observation_period_start_date + 30 and o.observation_period_end_date
  and p.gender_concept_id = 8532 and extract(year from f.start) - p.year_of_birth >= 40
  and f.person_id in (select person_id from cdm.condition_occurrence c where c.condition_concept_id = 201826
    and c.condition_start_date <= f.start and c.condition_start_date >= o.observation_period_start_date)
  and f.person_id not in (select person_id from cdm.death d where d.death_date between f.start + 1 and f.start + 365)`;

Deno.test("define_cohort through MCP", async (t) => {
  await withServer({}, async (server) => {
    const sandbox_id = await newSandbox(server);
    const define = async (input: Record<string, unknown>) => await server.call("define_cohort", input);
    const query = async (input: Record<string, unknown>) =>
      await server.call("query_omop", { sandbox_id, ...input });
    const python = async (code: string) =>
      (await server.call("execute_python_code", { sandbox_id, code })).text;

    await t.step("counts who is left after each condition, and says what it understood", async () => {
      const { text } = await define({
        name: "women",
        entry: [{ table: "drug_exposure", concepts: METFORMIN, first: true }],
        prior_observation_days: 30,
        age: { min: 40 },
        sex: "female",
        with: [{ table: "condition_occurrence", concepts: DIABETES, window: { to: 0 }, name: "diabetes" }],
        without: [{ table: "death", window: { from: 1, to: 365 } }],
        exit: {
          drug_era: { concepts: METFORMIN },
          censor: [{ table: "visit_occurrence", dates: { from: "2024-01-01" } }],
        },
      });
      assert.match(
        text,
        /^Cohort women: 37 persons, 37 periods of [\d,]+ days on average from start to end, starting 20/,
      );
      assert.match(
        text,
        /Entry: first ever drug_exposure of 1503297 with descendants; under observation at the start and for 30 days before\n/,
      );
      assert.match(text, /this age is up to a year above completed years/);
      assert.match(
        text,
        /\nentry events \| 74 \| +\| 74\nunder observation .* \| 65 \| 9 \| 65\nage at least 40.* \| 63 \| 2 \| 63\nfemale \| 38 \| 25 \| 38\ndiabetes \| 38 \| 0 \| 38\nno death, from 1 day after entry to 365 days after entry \| 37 \| 1/,
      );
    });

    await t.step("its periods are a table of query_omop, and its start is a date for windows", async () => {
      const { text } = await query({
        table: "cohort",
        cohort: "women",
        columns: ["person_id", "cohort_start_date", "cohort_end_date", "age_at(cohort_start_date) as age"],
        into: "women",
      });
      assert.match(text, /`women`: 37 rows × 4 columns/);
      assert.match(text, /… \(\+[\d,]+ characters: women\.attrs\["sql"\]\)/);
      assert.match(
        await query({
          table: "cohort",
          cohort: "women",
          persons: { with: [{ table: "measurement", window: { from: 0, to: 90 } }] },
          into: "measured",
        }).then((reply) => reply.text),
        /Understood: rows of cohort women; of persons with measurement, 0 to 90 days/,
      );
      // The same by hand.
      const counts = await python(`import psycopg, pandas
db = psycopg.connect()
sql = """${WOMEN}"""
hand = db.execute(sql).fetchall()
late = db.execute(f"select count(*) from ({sql}) w where exists (select 1 from cdm.measurement m where m.person_id = w.person_id and m.measurement_date between w.start and w.start + 90)").fetchone()[0]
before = db.execute(f"select count(distinct m.person_id) from ({sql}) w join cdm.measurement m using (person_id) where m.measurement_date between w.start and w.start + 90").fetchone()[0]
held = [(int(p), pandas.Timestamp(d).date()) for p, d in zip(women.person_id, women.cohort_start_date)]
[sorted(hand) == sorted(held), len(hand), len(measured) == late, len(db.execute(women.attrs["sql"]).fetchall()), "before", before]`);
      assert.match(counts, /\[True, 37, True, 37, 'before', \d+\]/);
    });

    await t.step("its persons are a filter of rows, with a window around its start", async () => {
      const rows = { table: "measurement", aggregates: PERSONS };
      const last = ({ text }: { readonly text: string }) => Number(text.split("\n").at(-1));
      const window = { from: -90, to: 0 };
      const near = await query({ ...rows, persons: { with: [{ cohort: "women", window }] } });
      assert.match(near.text, /of persons with cohort women, -90 to 0 days from the row's date/);
      assert.match(await python(`[before == ${last(near)}, before < 37]`), /\[True, True\]/);
      const others = await query({ ...rows, persons: { without: [{ cohort: "women" }] } });
      assert.equal(last(others) + 37, last(await query(rows)));
    });

    await t.step("the persons of a query's result are a cohort, whatever it returns of them", async () => {
      const a1c = { table: "measurement", filters: [{ column: "value_as_number", op: ">", value: 8 }] };
      const reply = await query({ ...a1c, as_cohort: "high", columns: ["person_id"], limit: 1, into: "one" });
      assert.match(
        reply.text,
        /`one`: 1 row [^]*The server holds it until it ends\. For its periods: query_omop \{"table": "cohort", "cohort": "high"\}[^]*^Held: \d+ persons, /m,
      );
      assert.match(
        (await query({ table: "person", aggregates: PERSONS, as_cohort: "all" })).text,
        /^Warning: no filter chooses persons, so the cohort is everybody with a row of person\.$[^]*^Held: 1,000 persons, /m,
      );
      await query({ table: "cohort", cohort: "high", into: "high" });
      // Groups are persons only where person_id is one of their columns; the cohort that a query names stays as it was.
      await query({
        table: "visit_occurrence",
        group_by: ["person_id"],
        aggregates: [{ fn: "count" }],
        having: [{ column: "count", op: ">=", value: 20 }],
        persons: { with: [{ cohort: "high" }] },
        as_cohort: "often",
      });
      await query({ table: "cohort", cohort: "often", into: "often" });
      await query({
        table: "person",
        filters: [{ column: "year_of_birth", op: "<", value: 1940 }],
        aggregates: PERSONS,
        as_cohort: "high",
      });
      await query({ table: "cohort", cohort: "high", into: "old" });
      await query({ table: "cohort", cohort: "often", into: "still" });
      const text = await python(`import psycopg
db = psycopg.connect()
rows = lambda frame: sorted((int(p), s.date(), e.date()) for p, s, e in frame.itertuples(index=False))
days = db.execute("select distinct person_id, measurement_date, measurement_date from cdm.measurement where value_as_number > 8").fetchall()
visits = db.execute("""select person_id, min(visit_start_date), max(greatest(visit_end_date, visit_start_date)) from cdm.visit_occurrence
where person_id = any(%s) group by 1 having count(*) >= 20""", [[one[0] for one in days]]).fetchall()
periods = db.execute("""select person_id, observation_period_start_date, observation_period_end_date
from cdm.observation_period join cdm.person using (person_id) where year_of_birth < 1940""").fetchall()
[rows(high) == sorted(days), rows(often) == sorted(visits), rows(old) == sorted(periods), rows(still) == rows(often), len(visits) > 5, len(periods) > 5]`);
      assert.match(text, /\[True, True, True, True, True, True\]/);
      assert.match(
        await python(`import omcp
one = omcp.query("person", filters=[{"column": "year_of_birth", "op": "<", "value": 1940}], as_cohort="by_code", limit=1)
[len(one), rows(omcp.cohort("by_code")) == sorted(periods)]`),
        /\[1, True\]/,
      );
      // A definition contains cohorts of both kinds.
      const both = await define({
        name: "both",
        entry: [{ table: "cohort", cohort: "often" }],
        with: [{ table: "cohort", cohort: "women", window: { from: -3650, to: 3650 } }],
        limit: "all",
      });
      assert.match(
        both.text,
        /Entry: period of cohort often; under observation[^]*Rule: a period of cohort women, from 3,650 days before/,
      );
      assert.match(
        await python(`import pandas
obs = db.execute("select person_id, observation_period_start_date, observation_period_end_date from cdm.observation_period").fetchall()
starts = [(int(p), pandas.Timestamp(s).date()) for p, s in zip(women.person_id, women.cohort_start_date)]
hand = sorted((p, s, b) for p, s, e in rows(often) for q, a, b in obs if q == p and a <= s <= b
  and any(w == p and a <= d <= b and abs((d - s).days) <= 3650 for w, d in starts))
[rows(omcp.cohort("both")) == hand, len(hand) > 0]`),
        /\[True, True\]/,
      );
      assert.match(
        (await define({ name: "both", export_circe: true })).text,
        /^Error invalid_argument: Cannot export the definition for ATLAS: it contains another cohort/,
      );
      const shown = await define({ name: "often" });
      assert.match(
        shown.text,
        /^Cohort often: (\d+) persons, \1 periods [^]*Persons of: [^]*of persons with cohort high; for each person_id; groups where count >= 20\n/,
      );
      assert.match(
        (await define({ name: "often", export_circe: true })).text,
        /^Error invalid_argument: Cannot export the cohort often for ATLAS: it is the result of a query/,
      );
      assert.match(
        (await server.call("analyze_cohort", {
          analysis: "prevalence",
          cohort: "often",
          outcome: { death: true },
        })).text,
        /often: \d+ persons/,
      );
      assert.match(
        (await query({ ...a1c, as_cohort: "none", explain: true })).text +
          (await define({ name: "none" })).text,
        /The query was not run[^]*No cohort "none" is held/,
      );
    });

    await t.step("a name alone shows the cohort again, and exports it for ATLAS", async () => {
      const { text } = await define({ name: "women", export_circe: true });
      assert.match(text, /^Cohort women: 37 persons/);
      const json: unknown = JSON.parse(text.split("\nATLAS:\n")[1] ?? "");
      const file = await define({ name: "women", export_circe: true, sandbox_id });
      assert.match(file.text, /The JSON for ATLAS is in the sandbox: women\.json$/);
      const read = await server.call("read_file", { sandbox_id, path: "women.json" });
      assert.deepEqual(JSON.parse(read.text.slice(read.text.indexOf("{"))), json);
      assert.match(
        (await define({ name: "imported", circe: json })).text,
        /^Cohort imported: 37 persons[^]*\ndiabetes \| 38 \| 0 \| 38\n/,
      );
      assert.match(
        (await define({ name: "imported", circe: json, sex: "male" })).text,
        /^Error invalid_argument: Cannot define the cohort: it has sex and circe/,
      );
    });

    await t.step("a new definition replaces the earlier one", async () => {
      const entry = [{ table: "drug_exposure", concepts: METFORMIN }];
      assert.match((await define({ name: "again", entry })).text, /The server holds it until it ends/);
      assert.match(
        (await define({ name: "again", entry, limit: "all", exit: { days_after_start: 0 } })).text,
        /^Cohort again: 74 persons, 9\d\d periods of 0 days on average[^]*It replaces the earlier cohort/,
      );
    });

    await t.step("an empty cohort says where there are records", async () => {
      const { text } = await define({
        name: "empty",
        entry: [{ table: "drug_exposure", concepts: [{ concept_id: 1503297 }] }],
      });
      assert.match(text, /^Cohort empty: no persons[^]*952 records are under 1 descendant/);
    });

    await t.step("warns of absence on days that observation may not cover, as query_omop does", async () => {
      const without = [{ table: "condition_occurrence", window: { from: -365, to: -1 } }];
      const entry = [{ table: "drug_exposure", concepts: METFORMIN, first: true }];
      assert.match(
        (await define({ name: "washout", entry, without })).text,
        /Warning \[observation-period\]: [^\n]* for 365 days before [^\n]*\. Set prior_observation_days: 365\./,
      );
      assert.doesNotMatch(
        (await define({ name: "washout", entry, without, prior_observation_days: 365 })).text,
        /Warning/,
      );
      const { text } = await query({ table: "drug_exposure", persons: { without }, limit: 1, into: "rows" });
      const fix = /Warning \[observation-period\]: [^\n]*Add to filters: (\{.*\})\./.exec(text)?.[1] ?? "";
      assert.doesNotMatch(
        (await query({
          table: "drug_exposure",
          persons: { without },
          filters: [JSON.parse(fix)],
          limit: 1,
          into: "rows",
        })).text,
        /Warning/,
      );
    });

    await t.step("refuses what it cannot read, and says what there is", async () => {
      const entry = [{ table: "drug_exposure", concepts: METFORMIN }];
      const refused: readonly (readonly [Record<string, unknown>, RegExp])[] = [
        [
          { name: "x", age: { min: 3 } },
          /^Error invalid_argument: Cannot define the cohort: it has no entry/,
        ],
        [
          { name: "x" },
          /^Error cohort_not_found: No cohort "x" is held[^]*Held: washout, empty, again, imported, /,
        ],
        [
          { name: "x", entry: [{ table: "person" }] },
          /entry\[0\]\.table: must be one of condition_occurrence/,
        ],
        [{ name: "x", entry, without: [{ table: "person" }] }, /Cannot read without\[0\]\.table/],
        [{ name: "x", entry, age: { min: 9, max: 8 } }, /Cannot use age from 9 to 8: it is reversed/],
        [
          { name: "x", entry: [{ table: "drug_exposure", concepts: [{ concept_id: 150329 }] }] },
          /^Error concept_not_found: This CDM has no concept 150329/,
        ],
        [{ name: "x", entry, exit: { days_after_start: 1, days_after_end: 1 } }, /it has several ends/],
        [{ name: "No name", entry }, /name: must be lower-case letters/],
      ];
      for (const [input, message] of refused) {
        const reply = await define(input);
        assert.equal(reply.isError, true);
        assert.match(reply.text, message);
      }
      assert.match(
        (await query({ table: "measurement", cohort: "women" })).text,
        /^Error invalid_argument: Cannot use cohort with the table measurement[^]*"persons": \{"with"/,
      );
      assert.match((await query({ table: "cohort", cohort: "womem" })).text, /Did you mean women\?/);
    });
  });
});
