/**
 * Analyses in aggregate mode: their numbers are those of open mode where they rest on enough persons, and absent otherwise. One server of
 * open mode, and one of aggregate mode for each step, whose ledger knows no earlier answers: with those, the sample is soon used up.
 * More than 300 lines: all steps share one database.
 */
import assert from "node:assert/strict";
import type { ConnectedServer } from "../../../../src/cli/demo/client.ts";
import { auditFiles } from "../../../../src/observability/audit_files.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { newSandbox, withServer } from "../../../fixtures/server.ts";

/** The fewest persons that are shown, of k = 11. */
const LEAST = 21;
const RESPIRATORY = [{ concept_id: 320136, include_descendants: true }];
/** Texts that stand for patients. */
const CANARY = "canary-51c9";
const DIABETES = [{ concept_id: 201826, include_descendants: true }];
const ENTRY = [{ table: "condition_occurrence", concepts: DIABETES, first: true }];

const DRAWING = "import pandas, matplotlib.figure, matplotlib.backends.backend_agg";

let database: TestPostgres;
let folder: string;
/** A concept that one person with diabetes has. */
let rare: number;

Deno.test.beforeAll(async function start() {
  folder = await Deno.makeTempDir();
  database = await startPostgres({ sample: true });
  rare = Number(
    await database.sql(
      `UPDATE cdm.person SET person_source_value = '${CANARY}' || person_id;
      UPDATE cdm.condition_occurrence SET condition_source_value = '${CANARY}';
      INSERT INTO cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date,
        condition_type_concept_id)
      SELECT 99999999, d.person_id, c.concept_id, d.condition_start_date, 32817
      FROM (SELECT person_id, condition_start_date FROM cdm.condition_occurrence WHERE condition_concept_id = 201826
        ORDER BY person_id LIMIT 1) AS d,
      (SELECT concept_id FROM cdm.concept AS c WHERE domain_id = 'Condition' AND standard_concept = 'S' AND NOT EXISTS (
        SELECT FROM cdm.condition_occurrence AS o WHERE o.condition_concept_id = c.concept_id) AND NOT EXISTS (
        SELECT FROM cdm.concept_ancestor AS a WHERE a.descendant_concept_id = c.concept_id AND a.ancestor_concept_id = 201826)
        ORDER BY concept_id LIMIT 1) AS c;
      SELECT condition_concept_id FROM cdm.condition_occurrence WHERE condition_occurrence_id = 99999999`,
    ),
  );
  assert.ok(rare > 0);
});

Deno.test.afterAll(async function stop() {
  await database.stop();
  await Deno.remove(folder, { recursive: true });
});

/** The rows of an answer's table, without marks; those of one person set after another. */
function rowsOf(text: string): readonly string[] {
  const table = text.split("\n\n").find((part) => /^(?:cohort|variable|table) \| /.test(part)) ?? "";
  return table.split("\n").slice(1).map((line) => line.replaceAll(" ~", ""));
}

function fieldsOf(row: string): readonly string[] {
  return row.split(" | ");
}

/** The number that a text begins with. */
function numberOf(text: string | undefined): number {
  return Number.parseFloat((text ?? "").replaceAll(",", ""));
}

function near(text: string | undefined, truth: string | undefined, most: number): void {
  const off = Math.abs(numberOf(text) - numberOf(truth));
  assert.ok(off <= most, `${text} is not near ${truth}`);
}

/** An analysis in both modes. */
interface Pair {
  readonly open: string;
  readonly released: string;
}

/** What a step asks. */
interface Asking {
  readonly server: ConnectedServer;
  readonly ask: (input: Record<string, unknown>) => Promise<Awaited<ReturnType<ConnectedServer["call"]>>>;
  /** Asks servers of both modes. */
  readonly both: (input: Record<string, unknown>) => Promise<Pair>;
  /** Makes a sandbox with the first call. */
  readonly python: (code: string) => Promise<string>;
  readonly sandbox: () => Promise<string>;
}

Deno.test("analyses whose numbers may leave the database", async (t) => {
  const launch = { databaseHost: `127.0.0.1:${database.port}`, auditFolder: folder };
  const settings = { OMCP_DATABASE_URL: database.url, OMCP_AUDIT_FOLDER: folder };
  const seen: string[] = [];
  await withServer({ ...settings, OMCP_DISCLOSURE: "open" }, async (open) => {
    const fresh = async (work: (asking: Asking) => Promise<void>) =>
      await withServer(settings, async (server) => {
        const call = async (tool: string, input: Record<string, unknown>) => {
          const reply = await server.call(tool, input);
          seen.push(reply.text);
          return reply;
        };
        const ask = async (input: Record<string, unknown>) => await call("analyze_cohort", input);
        let made: Promise<string> | undefined;
        // What charts need is imported before one is drawn, without its time limit.
        const start = async () => {
          const id = await newSandbox(server);
          const { text, isError } = await call("execute_python_code", {
            sandbox_id: id,
            code: DRAWING,
            timeout: 300,
          });
          assert.ok(!isError, text);
          return id;
        };
        const sandbox = async () => await (made ??= start());
        await work({
          server,
          ask,
          sandbox,
          both: async (input) => ({
            open: (await open.call("analyze_cohort", input)).text,
            released: (await ask(input)).text,
          }),
          python: async (code) =>
            (await call("execute_python_code", { sandbox_id: await sandbox(), code })).text,
        });
      }, launch);

    await t.step("prevalence equals that of open mode; few persons are withheld everywhere", async () => {
      await fresh(async ({ both, ask, sandbox, python }) => {
        const input = {
          analysis: "prevalence",
          outcome: { items: DIABETES },
          periods: { from: "2010-01-01", to: "2023-12-31" },
        };
        const { open: truth, released } = await both(input);
        const enough = rowsOf(truth).filter((row) => Number(fieldsOf(row)[2]) >= LEAST);
        assert.ok(enough.length > 5 && enough.length < rowsOf(truth).length, truth);
        const few = enough.filter((row) => Number(fieldsOf(row)[3]) < LEAST);
        assert.ok(few.length > 0 && few.length < enough.length, truth);
        const shown = rowsOf(released).map(fieldsOf);
        assert.deepEqual(shown.map(([, from]) => from), enough.map((row) => fieldsOf(row)[1]), released);
        for (const [at, [, , persons, cases, share]] of shown.entries()) {
          const [, , truePersons, trueCases] = fieldsOf(enough[at] ?? "");
          assert.equal(persons, truePersons);
          if (few.includes(enough[at] ?? "")) assert.deepEqual([cases, share], ["withheld", "withheld"]);
          // One that is computed from earlier answers may come out below the least, and is absent then.
          else if (cases !== "withheld" || Number(trueCases) >= 2 * LEAST) near(cases, trueCases, LEAST - 1);
        }
        const large = await both({ ...input, outcome: { items: RESPIRATORY }, periods: LARGE });
        assert.deepEqual(rowsOf(large.released), rowsOf(large.open));
        const left = await ask({ ...input, sandbox_id: await sandbox() });
        assert.deepEqual(left.images.map(({ mimeType }) => mimeType), ["image/png"], left.text);
        const frame = await python(
          `print([[str(v) for v in row] for row in analysis_df[["from", "persons", "cases", "mark"]].values.tolist()])`,
        );
        const numbers = rowsOf(left.text).map(fieldsOf).map(([, from, persons, cases]) =>
          `['${from}', '${persons}', '${cases === "withheld" ? "nan" : `${cases}.0`}', '`
        );
        for (const number of numbers) assert.ok(frame.includes(number), frame);
      });
    });

    await t.step("incidence rates are those of open mode, of person-years with three digits", async () => {
      await fresh(async ({ both }) => {
        const input = { analysis: "incidence_rate", outcome: { items: RESPIRATORY }, strata: ["gender"] };
        const { open: truth, released } = await both(input);
        const exact = rowsOf(truth).map(fieldsOf);
        const shown = rowsOf(released).map(fieldsOf);
        assert.deepEqual(shown.map(([, gender]) => gender), ["all", "MALE", "FEMALE"], released);
        for (const [at, [, , persons, years, outcomes, cases, rate]] of shown.entries()) {
          const [, , truePersons, trueYears, trueOutcomes, trueCases, trueRate] = exact[at] ?? [];
          assert.deepEqual([persons, outcomes, cases], [truePersons, trueOutcomes, trueCases]);
          near(years, trueYears, 0.005 * numberOf(trueYears));
          assert.equal(numberOf(years), Number(numberOf(years).toPrecision(3)));
          near(rate, String(1_000 * numberOf(outcomes) / numberOf(years)), 0.01);
          near(rate, trueRate, 0.005 * numberOf(trueRate));
        }
      });
    });

    await t.step(
      "survival is that of open mode within hundredths, and its steps rest on enough persons",
      async () => {
        await fresh(async ({ both, ask, sandbox, python }) => {
          const input = {
            analysis: "survival",
            outcome: { items: RESPIRATORY },
            strata: ["gender"],
            at_days: [365, 730, 1_095],
          };
          const { open: truth, released } = await both(input);
          const exact = rowsOf(truth).map(fieldsOf);
          const shown = rowsOf(released).map(fieldsOf);
          assert.deepEqual(shown.map(([, gender]) => gender), ["all", "MALE", "FEMALE"], released);
          for (const [at, [, , persons, , , ...days]] of shown.entries()) {
            const [, , truePersons, , , ...trueDays] = exact[at] ?? [];
            assert.equal(persons, truePersons);
            for (const [on, text] of days.entries()) near(text, trueDays[on], 0.08);
          }
          assert.match(released, /^Log-rank test of 2 groups: /m);
          const left = await ask({ ...input, sandbox_id: await sandbox(), into: "curves" });
          assert.equal(left.images.length, 1, left.text);
          assert.match(
            await python(
              `drops = curves[curves.events > 0]
print(int(drops.events.min()) >= 11, int(curves.at_risk.min()) >= 11, len(drops) > 5, set(curves["mark"]) <= {"", "~"})`,
            ),
            /^True True True True$/m,
          );
        });
      },
    );

    await t.step(
      "a table one has the counts and means of open mode, and no single person's values",
      async () => {
        await fresh(async ({ both }) => {
          const covariates = [{
            name: "respiratory",
            items: RESPIRATORY,
            to_day: 365,
          }];
          const input = { analysis: "table_one", strata: ["gender"], covariates, age_bands: [40, 65] };
          const { open: truth, released } = await both(input);
          const nameOf = ([name, value]: readonly string[]) => `${name} ${value}`;
          const exact = new Map(rowsOf(truth).map(fieldsOf).map((row) => [nameOf(row), row]));
          const shown = rowsOf(released).map(fieldsOf);
          let counts = 0;
          for (const row of shown) {
            const trueRow = exact.get(nameOf(row)) ?? [];
            for (const at of [2, 3]) {
              const [text = "", true_ = ""] = [row[at], trueRow[at]];
              if (text === "withheld") continue;
              if (text.includes("(SD ")) near(text, true_, 0.005 * numberOf(true_));
              else {
                near(text, true_, LEAST - 1);
                assert.ok(numberOf(text) >= LEAST, row.join(" | "));
                counts += 1;
              }
            }
          }
          assert.ok(counts > 12, released);
          for (const name of ["persons ", "respiratory recorded"]) {
            const row = shown.find((row) => nameOf(row) === name);
            assert.deepEqual(row?.slice(0, 4), exact.get(name)?.slice(0, 4), released);
            const [smd, from, to] = (row?.[4] ?? "").match(/-?\d[\d.]*/g)?.map(Number) ?? [];
            const truth = numberOf(exact.get(name)?.[4]);
            if (name !== "persons ") near(String(smd), String(truth), 0.001);
            assert.ok(name === "persons " || (Number(from) < truth && truth < Number(to)), released);
          }
          near(shown.find(([name]) => name === "age")?.[4], exact.get("age years")?.[4], 0.01);
          assert.match(released, /^age \| years \| [\d.]+ \(SD [\d.]+\) \|/m);
          assert.doesNotMatch(released, /median|, range/);
        });
      },
    );

    await t.step("a characterisation lists the concepts of open mode that have enough persons", async () => {
      await fresh(async ({ both }) => {
        const input = { analysis: "characterize", top: 50, age_bands: [40, 65] };
        const { open: truth, released } = await both(input);
        const concepts = (text: string) =>
          rowsOf(text).map(fieldsOf).filter(([table]) => table !== "person").map((
            [table, window, id, , persons],
          ): readonly [string, string] => [`${table} ${window} ${id}`, persons ?? ""]);
        const exact = new Map(concepts(truth));
        const shown = concepts(released);
        assert.ok(shown.length > 10 && shown.length < exact.size, released);
        for (const [id, persons] of shown) {
          near(persons, exact.get(id), LEAST - 1);
          assert.ok(numberOf(persons) >= LEAST && numberOf(exact.get(id)) >= LEAST, id);
        }
        assert.ok(
          shown.filter(([id, persons]) => exact.get(id) === persons).length > shown.length / 2,
          released,
        );
        assert.match(released, /^person \| index date \| {2}\| gender: FEMALE \| \d+ \(/m);
      });
    });

    await t.step("a cohort without one person of it looks the same, and costs nothing", async () => {
      const without = [{
        table: "condition_occurrence",
        concepts: [{ concept_id: rare }],
        window: { from: -36_500, to: 36_500 },
      }];
      const define = async (on: ConnectedServer) => {
        for (const [name, rules] of [["with_them", {}], ["without_one", { without }]] as const) {
          const { text, isError } = await on.call("define_cohort", { name, entry: ENTRY, ...rules });
          assert.ok(!isError, text);
        }
      };
      // Open mode shows the difference.
      await define(open);
      const [persons, fewer] = await Promise.all(["with_them", "without_one"].map(async (cohort) => {
        const { text } = await open.call("analyze_cohort", { ...PAIRS[0], cohort });
        return Number(/: (\d+) persons/.exec(text)?.[1]);
      }));
      assert.equal(fewer, Number(persons) - 1);
      await fresh(async ({ server, ask }) => {
        await define(server);
        for (const input of PAIRS) {
          const first = await ask({ ...input, cohort: "with_them" });
          const second = await ask({ ...input, cohort: "without_one" });
          assert.ok(!first.isError, first.text);
          assert.equal(second.text.replaceAll("without_one", "with_them"), first.text);
        }
      });
    });

    await t.step("a cohort is shown again by its name, and code gets the same numbers", async () => {
      await fresh(async ({ server, python }) => {
        const first = await server.call("define_cohort", { name: "shown", entry: ENTRY });
        const again = await server.call("define_cohort", { name: "shown" });
        assert.ok(!again.isError, again.text);
        assert.equal(again.text, first.text.split("\n\nThe server holds it")[0]);
        const unknown = await server.call("define_cohort", { name: "nobody" });
        assert.match(unknown.text, /^Error cohort_not_found/);
        const changed = await server.call("define_cohort", { name: "shown", sex: "male" });
        assert.match(changed.text, /^Error invalid_argument: Cannot define the cohort: it has no entry/);
        const steps = await python(`import omcp
cohort = omcp.cohort("shown")
analysis = omcp.analyze("incidence_rate", cohort="shown", outcome={"death": True}, time_at_risk={"end_with": "observation_end"})
sexes = omcp.query("person", group_by=["gender_concept_id"])
print(cohort.persons.tolist(), list(cohort), list(analysis)[-1], list(sexes)[-1])
described = omcp.call("describe_cdm", table=["person"])
print(described["k"], described["remaining"] > 0, described["tables"][0]["columns"][0]["name"])`);
        assert.match(
          steps,
          /^\[100(?:, 100){3}\] \['step', 'persons', 'mark'\] mark mark\n11 True person_id$/m,
        );
        assert.match(
          await python("import psycopg; psycopg.connect()"),
          /No database can be reached from code here: omcp\.query/,
        );
      });
    });

    await t.step("finer groups and dates are refused, with what to ask for", async () => {
      await fresh(async ({ ask }) => {
        const prevalence = { analysis: "prevalence", outcome: { items: DIABETES } };
        const periods = { from: "2015-01-01", to: "2019-12-31" };
        for (
          const [input, says] of [
            [prevalence, /invalid_argument.*periods\.from or periods\.to is missing/s],
            [
              { ...prevalence, periods: { from: "2015-01-02", to: "2019-12-31" } },
              /disclosure_not_allowed.*by months/s,
            ],
            [{ ...prevalence, periods, age_bands: [18, 65] }, /disclosure_not_allowed.*\[15,65\]/s],
            [
              { analysis: "table_one", strata: ["gender", "age_group", "year"] },
              /disclosure_not_allowed.*at most 2/s,
            ],
            [{ ...prevalence, periods, cohort: "nobody" }, /cohort_not_found/],
          ] as const
        ) {
          const { text, isError } = await ask(input);
          assert.ok(isError, text);
          assert.match(text, says);
        }
      });
    });
  }, launch);

  await t.step("nothing that the client got names a patient", () => {
    assert.ok(seen.length > 20);
    assert.doesNotMatch(seen.join("\n"), new RegExp(CANARY));
  });

  await t.step("the audit has each analysis without its dates, and what was released", () => {
    const lines = auditFiles(folder).map((name) => Deno.readTextFileSync(`${folder}/${name}`)).join("")
      .split("\n").filter((line) => line.includes('"tool":"analyze_cohort"') && line.includes("normalized"));
    assert.ok(lines.some((line) => line.includes('"decision":"released"')));
    assert.ok(lines.some((line) => line.includes('"decision":"refused"')));
    assert.doesNotMatch(lines.join("\n"), new RegExp(`${CANARY}|2010-01-01`));
  });
});

/** Years in which the persons with the outcome are many, and many more than a year before. */
const LARGE = { from: "2018-01-01", to: "2022-12-31" };

/** An analysis of each kind, of a cohort. */
const PAIRS: readonly Record<string, unknown>[] = [
  {
    analysis: "prevalence",
    outcome: { items: DIABETES },
    periods: { type: "period", every: "all", from: "2019-01-01", to: "2023-12-31" },
  },
  {
    analysis: "incidence_rate",
    outcome: { items: RESPIRATORY },
    time_at_risk: { end_with: "observation_end" },
  },
  { analysis: "survival", outcome: { death: true }, time_at_risk: { end_with: "observation_end" } },
  { analysis: "table_one", strata: ["gender"] },
  { analysis: "characterize" },
];
