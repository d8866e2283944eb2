/** Concept search on a generated vocabulary, at most as large as all of Athena's: the first answer, the index, and 200 queries of eight kinds. */
import { CdmConcepts, type SearchRequest } from "../../src/cdm/concepts/mod.ts";
import { cdmTables, createTable } from "../../src/omop/cdm/mod.ts";
import { testSource } from "../fixtures/cdm/test_source.ts";
import { startPostgres, type TestPostgres } from "../fixtures/postgres/test_postgres.ts";
import type { Report } from "./report.ts";
import { percentile, timed } from "./stats.ts";

/** A tenth of all of Athena: a run with 7,000,000 takes a quarter of an hour, most of it to generate them. */
const CONCEPTS = 700_000;
/** Synonyms for each concept, on average. */
const SYNONYMS = 12 / 7;
const QUERIES = 200;
const GOAL_MS = 50;
const FIRST_MS = 3_000;
const TICK_MS = 20;
const BUILD_MS = 3_000_000;
const NEVER = new AbortController().signal;

/**
 * A name of words whose frequencies fall as in real names (log-uniform ranks of 200,000): the first words are in a third of all names.
 * The reference to `i` makes Postgres choose words for each row; a word is a function of its rank, because a join to a list of words takes most
 * of the time.
 */
const NAME = (least: number, more: number) =>
  `(select string_agg(translate(substr(md5(k::text), 1, 4 + k % 6), '0123456789', 'ghijklmnop'), ' ')
    from (select floor(200000 ^ random())::int as k from generate_series(1, ${least} + (i % ${more})::int)) as r)`;

const DAYS = "'1970-01-01', '2099-12-31', null";
/** Tables that the write-ahead log may leave out. */
const LARGE = ["concept", "concept_synonym", "concept_relationship", "concept_ancestor"];

/** The statements that make a vocabulary: steps of lists that run side by side. */
function vocabulary(concepts: number): readonly (readonly string[])[] {
  const tables = cdmTables("5.4").map((table) => createTable(table, "cdm"));
  const unlogged = LARGE.map((name) => `alter table cdm.${name} set unlogged`);
  return [
    [["create schema cdm", ...tables, ...unlogged].join("; ")],
    [
      `insert into cdm.concept select i, coalesce(left(${
        NAME(2, 8)
      }, 255), 'concept'), (array['Condition', 'Drug', 'Measurement', 'Procedure'])[1 + i % 4],
      (array['SNOMED', 'RxNorm', 'LOINC'])[1 + i % 3], 'Class ' || i % 20, case when i % 3 = 0 then 'S' end, 'C' || i, ${DAYS}
      from generate_series(1, ${concepts}) as i;
      insert into cdm.concept_relationship select i, i - i % 3 + 3, 'Maps to', ${DAYS} from generate_series(1, ${concepts}) as i where i % 3 > 0;
      insert into cdm.concept_ancestor select greatest(i / d, 1), i, l, l from generate_series(1, ${concepts}) as i,
      (values (1, 0), (100, 1), (10000, 2)) as v(d, l)`,
      `insert into cdm.concept_synonym select 1 + i % ${concepts}, coalesce(left(${
        NAME(2, 6)
      }, 255), 'synonym'), 0
      from generate_series(1, ${Math.round(concepts * SYNONYMS)}) as i;
      insert into cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id)
      select i, 0, 1970, 0, 0 from generate_series(1, 10000) as i;
      insert into cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_type_concept_id)
      select i, 1 + i % 10000, 3 * floor(20000 ^ random()), '2020-01-01', 0 from generate_series(1, 1000000) as i`,
    ],
    [
      // The indexes of OHDSI's own DDL.
      `create unique index on cdm.concept (concept_id); create index on cdm.concept (concept_code);
      create index on cdm.concept_relationship (concept_id_1)`,
      `create index on cdm.concept_synonym (concept_id); create index on cdm.concept_ancestor (ancestor_concept_id);
      create index on cdm.concept_ancestor (descendant_concept_id)`,
    ],
    [`grant usage on schema cdm to omcp_reader; grant select on all tables in schema cdm to omcp_reader; analyze`],
  ];
}

/**
 * Measures the search.
 *
 * @param report Where figures go.
 * @param args The number of concepts. @default 700,000
 */
export async function benchConcepts(report: Report, [count]: readonly string[]): Promise<void> {
  const size = count === undefined ? CONCEPTS : Number(count);
  const postgres = await startPostgres({
    settings: { max_wal_size: "4GB", maintenance_work_mem: "512MB", shared_buffers: "1GB", work_mem: "64MB" },
  });
  const { source, database } = testSource(postgres);
  const concepts = new CdmConcepts(source);
  try {
    const start = performance.now();
    for (const step of vocabulary(size)) await Promise.all(step.map((sql) => postgres.sql(sql)));
    report.line(`  generated in ${Math.round((performance.now() - start) / 1000)} s`);
    await measure(report, concepts, await queries(postgres, size));
  } finally {
    await concepts.close();
    await database.close();
    await postgres.stop();
  }
}

async function measure(
  report: Report,
  concepts: CdmConcepts,
  requests: readonly SearchRequest[],
): Promise<void> {
  const [request] = requests;
  if (request === undefined) throw new Error("There are no queries");
  const before = Deno.memoryUsage().rss;
  const first = await timed(() => concepts.search(request, NEVER));
  report.defectIf(first > FIRST_MS, `the first answer took ${Math.round(first)} ms`);
  const start = performance.now();
  const pauses: number[] = [];
  while (!concepts.indexReady && performance.now() - start < BUILD_MS) {
    const since = performance.now();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    pauses.push(performance.now() - since - TICK_MS);
  }
  const build = performance.now() - start;
  const memory = (Deno.memoryUsage().rss - before) / 1e6;
  const times: number[] = [];
  for (const each of requests) {
    times.push(
      await timed(async () => {
        const { hits } = await concepts.search(each, NEVER);
        await concepts.details(hits.slice(0, 10).map(({ concept }) => concept), NEVER);
      }),
    );
  }
  const [median, p95, most] = [0.5, 0.95, 1].map((part) => percentile(times, part).toFixed(0));
  report.table(`Search on ${concepts.indexed.toLocaleString("en")} concepts`, [
    { name: "first answer, without an index", figures: [first] },
    { name: "building the index", figures: [build] },
    { name: "pauses of the server meanwhile", figures: pauses },
    { name: "memory of the index", figures: [memory], unit: "MB" },
    { name: "a search with its details", figures: times },
    ...KINDS.map((name, kind) => ({
      name: `  ${name}`,
      figures: times.filter((_, place) => place % KINDS.length === kind),
    })),
  ]);
  report.line(
    `  searches: p50 ${median} ms, p95 ${p95} ms, most ${most} ms; longest pause ${
      Math.max(...pauses).toFixed(0)
    } ms`,
  );
  report.defectIf(percentile(times, 0.95) > GOAL_MS, `p95 of a search is ${p95} ms, above ${GOAL_MS} ms`);
}

/** The kinds of queries, in the order in which they alternate. */
const KINDS = [
  "exact name",
  "code",
  "words in another order",
  "beginning",
  "misspelt word",
  "one common word",
  "two words in a domain",
  "two words of all concepts",
] as const;

/** Names, codes, words in another order, beginnings, misspelt and common words, narrowed and not. */
async function queries(postgres: TestPostgres, size: number): Promise<readonly SearchRequest[]> {
  // Every third concept is standard.
  const step = 3 * Math.max(1, Math.floor(size / 3 / QUERIES));
  const rows = (await postgres.sql(
    `select concept_name || '|' || concept_code from cdm.concept where concept_id % ${step} = 0 order by concept_id limit ${QUERIES}`,
  )).trim().split("\n");
  return rows.map((row, at): SearchRequest => {
    const [name = "", code = ""] = row.split("|");
    const words = name.split(" ");
    const plain = { code: false, facets: { standard: true } };
    const longest = [...words].sort((left, right) => right.length - left.length)[0] ?? "";
    switch (at % KINDS.length) {
      case 0:
        return { ...plain, text: name };
      case 1:
        return { text: code, code: true, facets: { standard: false } };
      case 2:
        return { ...plain, text: [...words].reverse().join(" ") };
      case 3:
        return { ...plain, text: name.slice(0, Math.ceil(name.length / 2)) };
      case 4:
        return { ...plain, text: longest.slice(0, -2) + longest.slice(-1) + "q" };
      case 5:
        return { ...plain, text: words[0] ?? "" };
      case 6:
        return {
          code: false,
          text: words.slice(0, 2).join(" "),
          facets: { standard: true, domain: "Condition" },
        };
      default:
        return { code: false, text: words.slice(-2).join(" "), facets: { standard: false } };
    }
  });
}
