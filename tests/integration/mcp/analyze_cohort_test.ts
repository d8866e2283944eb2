import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

const DIABETES = { items: [{ concept_id: 201826, include_descendants: true }] };

Deno.test("analyze_cohort through MCP", async (t) => {
  await withServer({}, async (server) => {
    const analyze = async (input: Record<string, unknown>) => await server.call("analyze_cohort", input);
    const sandbox_id = await newSandbox(server);
    const python = async (code: string) =>
      (await server.call("execute_python_code", { sandbox_id, code })).text;

    await t.step("answers without a sandbox, and states every assumption", async () => {
      const { text, images } = await analyze({ analysis: "incidence_rate", outcome: DIABETES });
      assert.match(
        text,
        /^Understood: Incidence rate of a record of 201826 Type 2 diabetes mellitus with descendants: time at risk from .* to .*, censored at the end of the observation period/,
      );
      assert.match(text, /only a person's first-ever outcome counts/);
      assert.match(text, /exact Poisson intervals/);
      assert.match(text, /^everybody \| 1,000 \| 4,674\.68 \| 100 \| 100 \| 21\.39 \(17\.41 to 26\.02\)$/m);
      assert.equal(images.length, 0);
    });

    await t.step("leaves the numbers and a chart in a sandbox, and none of the user's figures", async () => {
      await python("import matplotlib.pyplot as plt; plt.rcParams['figure.dpi'] = 33");
      const { text, images } = await analyze({
        analysis: "survival",
        outcome: DIABETES,
        strata: ["gender"],
        sandbox_id,
        into: "curve",
      });
      assert.match(
        text,
        /^The numbers are in the sandbox as the DataFrame `curve`: [\d,]+ rows with cohort, gender, day/,
      );
      assert.match(
        text,
        /^Log-rank test of 2 groups: chi-square [\d.]+ with 1 degree of freedom, p = 0\.\d{4}\.$/m,
      );
      assert.match(text, /^\[image 1\] steps: Free of the outcome .*; 2 series: MALE; FEMALE$/m);
      assert.deepEqual(images.map(({ mimeType }) => mimeType), ["image/png"]);
      assert.match(
        await python(
          "last = curve[curve.gender == 'all'].iloc[-1]\n" +
            "curve[curve.gender != 'all'].groupby('gender').events.sum().sum(), curve.attrs['analysis'], 0 < last.survival < 1, plt.get_fignums(), plt.rcParams['figure.dpi']",
        ),
        /\(np\.int64\(100\), 'survival', np\.True_, \[\], 33\.0\)/,
      );
    });

    await t.step("compares cohorts of define_cohort in a table one", async () => {
      for (const [name, sex] of [["men", "male"], ["women", "female"]]) {
        const entry = [{ table: "condition_occurrence", concepts: DIABETES.items, first: true }];
        assert.match((await server.call("define_cohort", { name, entry, sex })).text, /^Cohort /);
      }
      const { text, images } = await analyze({
        analysis: "table_one",
        cohort: "men",
        comparator: "women",
        covariates: [{
          name: "metformin",
          items: [{ concept_id: 1503297, include_descendants: true }],
          to_day: 30,
        }],
        sandbox_id,
      });
      assert.match(text, /^men: 41 persons, 41 entries\.\nwomen: 59 persons, 59 entries\.$/m);
      assert.match(text, /^variable \| value \| men \| women \| SMD\npersons \| {2}\| 41 \| 59 \| $/m);
      assert.match(text, /^age \| years \| [\d.]+ \(SD [\d.]+\), median .* \| -?0\.\d+$/m);
      assert.match(text, /^age_group \| < 18 \| 0 \(0\.0 %\) \| 0 \(0\.0 %\) \| 0$/m);
      assert.match(text, /^gender \| MALE \| 41 \(100\.0 %\) \| 0 \(0\.0 %\) \| not defined$/m);
      assert.match(text, /^metformin \| recorded \| \d+ \(/m);
      assert.equal(images.length, 1);
      assert.match(await python("sorted(analysis_df.cohort.unique())"), /\['men', 'women'\]/);
    });

    await t.step(
      "a bound of a covariate's days leaves the other one open; without bounds it is the year before",
      async () => {
        const days = [
          { to_day: -1 },
          { from_day: -36_525, to_day: -1 },
          { from_day: 1 },
          { from_day: 1, to_day: 36_525 },
          {},
          { from_day: -365, to_day: 0 },
        ];
        const items = [{ concept_id: 1503297, include_descendants: true }];
        const covariates = days.map((bounds, at) => ({ name: `c${at}`, items, ...bounds }));
        const { text } = await analyze({ analysis: "table_one", cohort: "women", covariates });
        const persons = days.map((_, at) =>
          new RegExp(`^c${at} \\| recorded \\| (\\d+) `, "m").exec(text)?.[1]
        );
        assert.deepEqual(persons, [0, 0, 2, 2, 4, 4].map((at) => persons[at]), text);
        assert.equal(new Set(persons).size, 3, text);
        assert.match(
          text,
          /c0 is a record of [^;]* on any day up to -1; .*c2 is a record of [^;]* on any day from 1; /,
        );
      },
    );

    await t.step("characterizes a cohort, and gives prevalence by year, each with a chart", async () => {
      const characterized = await analyze({ analysis: "characterize", cohort: "women", top: 2, sandbox_id });
      assert.match(
        characterized.text,
        /^person \| index date \| {2}\| gender: FEMALE \| 59 \(100\.0 %\) \| $/m,
      );
      assert.match(
        characterized.text,
        /^condition \| day 0 \| 201826 \| Type 2 diabetes mellitus \| 59 \| 100\.0 %$/m,
      );
      assert.match(
        characterized.text,
        /^condition, days 1 to 365: \d+ rarer concepts? not listed; raise top\.$/m,
      );
      assert.equal(characterized.images.length, 1);
      const periods = { from: "2018-01-01", to: "2020-12-31" };
      const prevalent = await analyze({
        analysis: "prevalence",
        outcome: { cohort: "women" },
        periods,
        sandbox_id,
      });
      assert.match(
        prevalent.text,
        /^Understood: Point prevalence of entry into cohort women: .*Wilson's intervals\.$/m,
      );
      assert.match(
        prevalent.text,
        /^everybody \| 2020-01-01 \| 563 \| 22 \| 3\.908 % \(2\.594 % to 5\.846 %\)$/m,
      );
      assert.equal(prevalent.images.length, 1);
    });

    await t.step("leaves the DataFrame where the chart cannot be drawn", async () => {
      await python(
        "import sys; kept = sys.modules.pop('matplotlib.figure'); sys.modules['matplotlib.figure'] = None",
      );
      const { text, images, isError } = await analyze({ analysis: "table_one", sandbox_id, into: "people" });
      assert.equal(isError, false, text);
      assert.match(text, /^\[no chart: ModuleNotFoundError: .*matplotlib\.figure.*\]$/m);
      assert.equal(images.length, 0);
      assert.match(await python("sys.modules['matplotlib.figure'] = kept; len(people) > 10"), /True/);
    });

    await t.step("cuts a DataFrame to what a call can carry, and says so", async () => {
      const periods = { type: "period", every: "month", from: "1995-01-01", to: "2024-12-31" };
      const strata = ["gender", "age_group"];
      const bands = { age_bands: Array.from({ length: 20 }, (_, at) => at * 5 + 5) };
      const cohorts = { cohort: "men", comparator: "women" };
      const { text } = await analyze({
        analysis: "prevalence",
        outcome: DIABETES,
        ...cohorts,
        periods,
        strata,
        ...bands,
        sandbox_id,
      });
      // Of each cohort 360 months, of all and of two genders in 21 bands.
      assert.match(text, /^The numbers are in the sandbox as the DataFrame `analysis_df`: 20,000 rows /);
      assert.match(text, /^\[truncated: these are the first of 30,960 rows; use fewer strata\]$/m);
      assert.match(text, /^… 30,860 more rows$/m);
      assert.match(await python("len(analysis_df)"), /^20000$/m);
    });

    await t.step("says what is wrong with a request", async () => {
      for (
        const [input, message] of [
          [{ analysis: "survival" }, /^Error invalid_argument: Cannot compute survival: outcome is missing/],
          [
            { analysis: "table_one", outcome: DIABETES },
            /^Error invalid_argument: Cannot use outcome in table_one/,
          ],
          [{ analysis: "table_one", cohort: "nobody" }, /^Error cohort_not_found: [^]*women/],
          [
            { analysis: "incidence_rate", outcome: { items: [{ concept_id: 201827 }] } },
            /^Error concept_not_found: /,
          ],
          [
            { analysis: "prevalence", outcome: DIABETES, periods: { every: "month", from: "1900-01-01" } },
            /there are more than 400/,
          ],
        ] as const
      ) {
        const { text, isError } = await analyze(input);
        assert.ok(isError, text);
        assert.match(text, message);
      }
    });
  });
});
