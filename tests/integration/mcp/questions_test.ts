/** Research questions with verified answers, answered by query_omop alone. Longer than 300 lines: one entry a question. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { folderSource } from "../../../src/cdm/load/mod.ts";
import { volumeName } from "../../../src/cdm/local_name.ts";
import { loadLocal } from "../../../src/cdm/local_load.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { newCdmName } from "../../fixtures/cdm/command.ts";
import { AGGREGATE_QUESTIONS } from "./aggregate_questions.ts";
import { assertLogRank, assertRows, expectedSchema, value } from "../../fixtures/cdm/analysis_rows.ts";
import { connectTestEngine, newSandbox, withServer } from "../../fixtures/server.ts";
import analyses from "../../vectors/analyses/gibleed.json" with { type: "json" };

const frameSchema = z.object({ columns: z.array(z.string()), data: z.array(z.array(value)) });
const DATA = fileURLToPath(new URL("../../../../shared/data/gibleed_5.3", import.meta.url));

type Query = Readonly<Record<string, unknown>>;
/** One question: its queries, and the rows that the replies must show. */
type Question = readonly [string, ...(readonly [Query, readonly string[]])[]];

const withDescendants = (column: string, ...ids: readonly number[]) => ({
  column,
  op: "in_concept_set",
  value: { items: ids.map((concept_id) => ({ concept_id, include_descendants: true })) },
});
const condition = (id: number) => ({
  table: "condition_occurrence",
  filters: [withDescendants("condition_concept_id", id)],
});
const drug = (id: number) => ({ table: "drug_exposure", filters: [withDescendants("drug_concept_id", id)] });
const CELECOXIB = [{ concept_id: 1118084, include_descendants: true }];
const PERSONS = [{ fn: "count_persons" }];
const BLEED = condition(192671);
const ULCER = condition(4027663);
const CORONARY = condition(317576);
const AGE_40 = { column: "age_at(drug_exposure_start_date)", op: ">=", value: 40 };
const A_YEAR = {
  column: "days_between(period.observation_period_start_date, drug_exposure_start_date)",
  op: ">=",
  value: 365,
};
const FIRST_CELECOXIB = { ...drug(1118084), per_person: "first", aggregates: PERSONS };
const BANDS = {
  table: "observation_period",
  filters: [{ column: "person.person_id", op: "is not null" }],
  group_by: ["person.gender_concept_id", "band(age_at(observation_period_end_date), 0, 40, 60, 80) as band"],
  aggregates: PERSONS,
  order_by: ["-gender_concept_id", "band"],
};
const COUNTS = [{ fn: "count", as: "n" }, { fn: "count_persons" }];

function users(id: number, count: number, bled: number): (readonly [Query, readonly string[]])[] {
  const query = { ...drug(id), per_person: "first", aggregates: PERSONS };
  return [
    [query, [String(count)]],
    [{ ...query, persons: { with: [{ ...BLEED, window: { from: 0, to: 30 } }] } }, [String(bled)]],
  ];
}

function group(id: number, [n, female, white, ulcer]: readonly number[], age: string): Question[1][] {
  const query = { ...drug(id), per_person: "first" };
  const aged = [{ fn: "avg", column: "age_at(drug_exposure_start_date)", as: "mean" }];
  return [
    [{ ...query, aggregates: [...PERSONS, ...aged] }, [`${n} | ${age}`]],
    [{
      ...query,
      then_filters: [{ column: "person.gender_concept_id", op: "=", value: 8532 }],
      aggregates: PERSONS,
    }, [`${female}`]],
    [{
      ...query,
      then_filters: [{ column: "person.race_concept_id", op: "=", value: 8527 }],
      aggregates: PERSONS,
    }, [`${white}`]],
    [{ ...query, persons: { with: [{ ...ULCER, window: { to: -1 } }] }, aggregates: PERSONS }, [`${ulcer}`]],
  ];
}

const QUESTIONS: readonly Question[] = [
  ["q01 (by id)", [{
    table: "condition_occurrence",
    filters: [{ column: "condition_concept_id", op: "=", value: 4027663 }],
    aggregates: COUNTS,
  }, ["802 | 802"]]],
  [
    "q02",
    [{
      table: "concept_relationship",
      columns: ["concept_id_1", "concept_id_2"],
      concept_name: true,
      filters: [
        { column: "relationship_id", op: "=", value: "Maps to" },
        { column: "concept_id_1", op: "=", value: 35208414 },
      ],
    }, ["35208414 | * | 192671 | Gastrointestinal hemorrhage"]],
    [{
      table: "condition_occurrence",
      filters: [{ column: "condition_source_concept_id", op: "=", value: 35208414 }],
      aggregates: PERSONS,
    }, ["479"]],
    [{
      table: "condition_occurrence",
      filters: [{ column: "condition_concept_id", op: "=", value: 192671 }],
      aggregates: PERSONS,
    }, ["479"]],
  ],
  ["q03", [{
    ...condition(4283893),
    aggregates: [
      { fn: "count", column: "condition_concept_id", distinct: true },
      { fn: "count", as: "n" },
      { fn: "count_persons" },
    ],
  }, ["4 | 20033 | 2689"]]],
  ["q04", [BANDS, [
    ...["8532 | 0 | 87", "8532 | 40 | 707", "8532 | 60 | 433", "8532 | 80 | 146"],
    ...["8507 | 0 | 81", "8507 | 40 | 670", "8507 | 60 | 454", "8507 | 80 | 116"],
  ]], [{ ...BANDS, persons: { with: [BLEED] } }, [
    ...["8532 | 0 | 14", "8532 | 40 | 124", "8532 | 60 | 73", "8532 | 80 | 31"],
    ...["8507 | 0 | 12", "8507 | 40 | 128", "8507 | 60 | 74", "8507 | 80 | 23"],
  ]]],
  [
    "q05",
    [{
      table: "condition_occurrence",
      filters: [withDescendants("condition_concept_id", 372328), {
        column: "condition_start_date",
        op: "between",
        value: ["2000-01-01", "2009-12-31"],
      }],
      aggregates: COUNTS,
    }, ["57 | 56"]],
    [{
      ...condition(372328),
      per_person: "first",
      then_filters: [{ column: "condition_start_date", op: "between", value: ["2000-01-01", "2009-12-31"] }],
      aggregates: PERSONS,
    }, ["16"]],
  ],
  [
    "q06",
    ...users(1115008, 959, 0),
    ...users(1118084, 1844, 113),
    ...users(1124300, 850, 46),
    ...users(1177480, 1451, 1),
  ],
  ["q07", [{
    table: "measurement",
    filters: [{ column: "measurement_concept_id", op: "=", value: 3000963 }],
    aggregates: [
      ...COUNTS,
      { fn: "count", column: "value_as_number" },
      { fn: "avg", column: "value_as_number" },
      { fn: "median", column: "value_as_number" },
    ],
  }, ["137 | 136 | 0 | no values | no values | no values"]]],
  [
    "q08",
    [{
      table: "visit_occurrence",
      filters: [{ column: "visit_concept_id", op: "=", value: 9201 }],
      group_by: ["person.gender_concept_id"],
      aggregates: COUNTS,
      order_by: ["-gender_concept_id"],
    }, ["8532 | 526 | 442", "8507 | 511 | 448"]],
    [{
      table: "observation_period",
      group_by: ["person.gender_concept_id"],
      aggregates: [{ fn: "person_years" }],
      order_by: ["-gender_concept_id"],
    }, ["8532 | 81446.88*", "8507 | 77888.95*", " | *"]],
  ],
  [
    "q09",
    [{ ...CORONARY, aggregates: PERSONS }, ["191"]],
    ...([[4329847, 66], [381316, 27], [313217, 22], [321042, 24]] as const).map(
      (
        [id, count],
      ): Question[1] => [{ ...CORONARY, persons: { with: [condition(id)] }, aggregates: PERSONS }, [
        `${count}`,
      ]],
    ),
  ],
  [
    "q10",
    [FIRST_CELECOXIB, ["1844"]],
    [{ ...FIRST_CELECOXIB, then_filters: [A_YEAR] }, ["1800"]],
    [{ ...FIRST_CELECOXIB, then_filters: [A_YEAR, AGE_40] }, ["645"]],
    [
      {
        ...FIRST_CELECOXIB,
        then_filters: [A_YEAR, AGE_40],
        persons: { without: [{ ...ULCER, window: { to: -1 } }] },
      },
      ["414"],
    ],
  ],
  [
    "q11",
    ...group(1118084, [1844, 930, 1156, 669], "38.168*"),
    ...group(1124300, [850, 443, 537, 133], "38.085*"),
  ],
  ["q12", [{
    ...condition(260139),
    group_by: ["month(condition_start_date) as month"],
    aggregates: COUNTS,
    order_by: ["month"],
  }, [
    ...["1 | 683 | 595", "2 | 638 | 569", "3 | 706 | 627", "4 | 650 | 582", "5 | 689 | 608", "6 | 684 | 608"],
    ...[
      "7 | 664 | 596",
      "8 | 679 | 616",
      "9 | 706 | 614",
      "10 | 722 | 633",
      "11 | 669 | 590",
      "12 | 694 | 603",
    ],
  ]]],
  ["q13", [{
    ...BLEED,
    per_person: "first",
    aggregates: [
      { fn: "count_persons" },
      { fn: "avg", column: "age_at(condition_start_date)" },
      { fn: "min", column: "age_at(condition_start_date)" },
      { fn: "percentile", column: "age_at(condition_start_date)", p: 0.25 },
      { fn: "median", column: "age_at(condition_start_date)" },
      { fn: "percentile", column: "age_at(condition_start_date)", p: 0.75 },
      { fn: "max", column: "age_at(condition_start_date)" },
    ],
  }, ["479 | 38.413* | 31 | 36 | 38 | 41 | 46"]]],
  ["q14", [{
    table: "drug_exposure",
    group_by: ["drug_concept_id"],
    aggregates: [{ fn: "count_persons" }, { fn: "count" }],
    order_by: ["-persons"],
    limit: 10,
  }, [
    ...["40213227 | 2660 | 7430", "1127433 | 2580 | 9365", "40213160 | 2140 | 7977", "1713671 | 2021 | 3851"],
    ...[
      "19059056 | 1927 | 4380",
      "1118084 | 1844 | 1844",
      "40213296 | 1737 | 3211",
      "40213306 | 1560 | 1916",
    ],
    ...["1127078 | 1428 | 2158", "40229134 | 1393 | 1993"],
  ]]],
  [
    "q15",
    ...([["race_concept_id", 451], ["ethnicity_concept_id", 2259]] as const).map((
      [column, count],
    ): Question[1] => [{
      table: "person",
      filters: [{ or: [{ column, op: "=", value: 0 }, { column, op: "is null" }] }],
      aggregates: PERSONS,
    }, [`${count}`]]),
    [{
      table: "measurement",
      filters: [{ not: [{ column: "unit_concept_id", op: ">", value: 0 }] }],
      aggregates: [{ fn: "count" }],
    }, ["44053"]],
  ],
];

Deno.test({
  name:
    "query_omop answers the research questions as verified, and in aggregate mode as its rules allow (skipped where ../shared/data is absent)",
  ignore: !isFolder(DATA),
  fn: async (t) => {
    const engine = await connectTestEngine();
    const name = newCdmName();
    try {
      const source = await folderSource(DATA);
      const signal = new AbortController().signal;
      await loadLocal({ runtime: new DockerRuntime(engine), name, source, labels: {}, signal });
      await withServer({ OMCP_DATABASE_URL: `local:${name}`, OMCP_DISCLOSURE: "open" }, async (server) => {
        const sandbox_id = await newSandbox(server);
        await t.step("analyze_cohort equals what pandas computed from the files", async () => {
          for (const [name, concept_id] of [["celecoxib", 1118084], ["diclofenac", 1124300]] as const) {
            const concepts = [{ concept_id, include_descendants: true }];
            const entry = [{ table: "drug_exposure", concepts, first: true }];
            assert.equal((await server.call("define_cohort", { name, entry })).isError, false);
          }
          for (const { request, rows, log_rank } of z.array(expectedSchema).parse(analyses)) {
            const { text } = await server.call("analyze_cohort", { sandbox_id, ...request });
            // The vectors have the first steps of curves.
            const steps = request["analysis"] === "survival" ? "[analysis_df.events > 0].head(40)" : "";
            const code = `print(analysis_df${steps}.to_json(orient="split", double_precision=15))`;
            const printed = await server.call("execute_python_code", { sandbox_id, code });
            const { columns, data } = frameSchema.parse(
              JSON.parse(/^\{.*\}$/m.exec(printed.text)?.[0] ?? ""),
            );
            assertRows({ columns, rows: data }, rows);
            if (log_rank !== undefined) assertLogRank(text, log_rank);
          }
        });
        for (const [question, ...parts] of QUESTIONS) {
          await t.step(question, async () => {
            for (const [query, expected] of parts) {
              const { text } = await server.call("query_omop", { sandbox_id, ...query });
              const rows = text.slice(text.indexOf("\n\n") + 2).split("\n").slice(1);
              assert.equal(rows.length, expected.length, text);
              // The lint finds nothing wrong with a right query.
              assert.doesNotMatch(text, /^Warning \[/m);
              for (const [at, row] of rows.entries()) assert.match(row, pattern(expected[at] ?? ""), text);
            }
          });
        }
        await t.step("q10 as a cohort, whose start is the date of other queries", async () => {
          const { text } = await server.call("define_cohort", {
            name: "celecoxib",
            entry: [{ table: "drug_exposure", concepts: CELECOXIB, first: true }],
            prior_observation_days: 365,
            age: { min: 40, completed_years: true },
            without: [{
              table: "condition_occurrence",
              concepts: [{ concept_id: 4027663, include_descendants: true }],
              window: { to: -1 },
              outside_observation: true,
            }],
          });
          assert.match(
            text,
            /^entry events \| 1844 \|[^]*\| 1800 \| 44 \|[^]*\| 645 \|[^]*\| 414 \| 231 \|/m,
          );
          const reply = await server.call("query_omop", {
            sandbox_id,
            table: "cohort",
            cohort: "celecoxib",
            aggregates: [...PERSONS, { fn: "min", column: "age_at(cohort_start_date)" }],
          });
          assert.match(reply.text, /\n414 \| 40$/);
        });
        await t.step(
          "a cohort says which of its persons the CDM lacks, and how to leave them out",
          async () => {
            const entry = [{ table: "observation_period" }];
            const all = await server.call("define_cohort", { name: "observed", entry });
            assert.match(all.text, /: 5,343 persons[^]*person lacks 2,649 ids[^]*add "age": \{"min": 0\}/);
            const known = await server.call("define_cohort", { name: "observed", entry, age: { min: 0 } });
            assert.match(known.text, /: 2,694 persons/);
          },
        );
      });
      const aggregate = { OMCP_DATABASE_URL: `local:${name}`, OMCP_DISCLOSURE: "aggregate" };
      await withServer(aggregate, async (server) => {
        for (const { id, verdict, tool, input, shows } of AGGREGATE_QUESTIONS) {
          await t.step(`${id} in aggregate mode: ${verdict}`, async () => {
            const { text } = await server.call(tool, input);
            const lines = text.split("\n").map((line) => line.replace(/ ~$/, ""));
            for (const shown of shows) {
              const alternatives = [shown].flat().map((line) =>
                line.split("*").map(RegExp.escape).join(".*")
              );
              const expected = new RegExp(`^(?:${alternatives.join("|")})$`);
              assert.ok(lines.some((line) => expected.test(line)), `${shown}\n${text}`);
            }
          });
        }
      });
    } finally {
      await engine.removeVolume(volumeName(name));
      engine.close();
    }
  },
});

/** `*` is any text; an average of whole numbers may be shown with a fraction of zeros. */
function pattern(row: string): RegExp {
  const parts = row.split("*").map((part) =>
    part.replace(/[|.]/g, "\\$&").replace(/\b\d+\b(?!\.)/g, "$&(?:\\.0+)?")
  );
  return new RegExp(`^${parts.join(".*")}$`);
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
