/**
 * An attacker with typed queries, through the real statements and decisions: for each target, whose conditions are known, it asks for persons
 * with and without the target, to learn the sex. Every target is attacked by a caller of its own, with the whole budget.
 */
import { fileURLToPath } from "node:url";
import { folderSource, loadCdm } from "../../../src/cdm/load/mod.ts";
import {
  type DisclosedSource,
  Disclosure,
  type DisclosureRules,
  memoryLedgers,
  PRESETS,
} from "../../../src/cdm/disclosure/mod.ts";
import { MOST_PRINCIPALS } from "../../../src/cdm/disclosure/ledger_store.ts";
import { type CohortExpression, cohortSelect, readCohort } from "../../../src/omop/cohorts/mod.ts";
import { disclosedQuerySchema } from "../../../src/omop/disclosed/mod.ts";
import { urlUpstream } from "../../../src/postgres/mod.ts";
import { type Asker, ATTACKS, type Condition, type Group } from "./attacks.ts";
import { analysisOf } from "./analyses.ts";
import { testSource } from "../../fixtures/cdm/test_source.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import { randomNumbers } from "../../unit/cdm/disclosure/people.ts";

const FEMALE = 8532;
const NEVER = new AbortController().signal;
const HOW = { ms: 60_000, signal: NEVER };
const GIBLEED = fileURLToPath(new URL("../../../../shared/data/gibleed_5.3", import.meta.url));

/** A person who alone has a condition in a month. */
interface Target {
  readonly person: string;
  readonly concept: number;
  /** The first and the last day of the month. */
  readonly month: readonly [string, string];
  readonly isFemale: boolean;
}

/** What an attack found. */
export interface Found {
  readonly attack: string;
  readonly targets: number;
  /** Targets for which every question got a number. */
  readonly answered: number;
  /** Targets for which the numbers were not those without the target. */
  readonly seen: number;
  /** Targets whose sex was guessed. */
  readonly right: number;
}

/**
 * Whether so many guesses are right that a coin would have them once in a million times.
 *
 * @param found What an attack found.
 */
export function isMoreThanChance({ right, targets }: Found): boolean {
  return right > targets / 2 + 5 * Math.sqrt(targets) / 2;
}

/**
 * Attacks a CDM.
 *
 * @param name Which: the sample, or GiBleed from the shared data.
 * @param count How many targets.
 * @param seed An integer.
 * @param rules The rules in force.
 * @returns What each attack found; undefined if the data are absent.
 */
export async function attackedByQueries(
  name: "sample" | "gibleed",
  { count, seed, rules = PRESETS.cms }: {
    readonly count: number;
    readonly seed: number;
    readonly rules?: DisclosureRules;
  },
): Promise<readonly Found[] | undefined> {
  if (name === "gibleed" && !await isFolder(GIBLEED)) return undefined;
  const postgres = await startPostgres({ sample: name === "sample" });
  const { source, database } = testSource(postgres);
  try {
    if (name === "gibleed") await loadGibleed(postgres);
    const random = randomNumbers(seed);
    const [targets, groups] = [await targetsOf(postgres, count, seed), await groupsOf(postgres)];
    const results: Found[] = [];
    for (const [attack, run] of Object.entries(ATTACKS)) {
      let [right, seen, answered] = [0, 0, 0];
      let disclosure = new Disclosure(source, rules, memoryLedgers());
      for (const [at, target] of targets.entries()) {
        if (at > 0 && at % MOST_PRINCIPALS === 0) {
          disclosure = new Disclosure(source, rules, memoryLedgers());
        }
        const without = groups.filter(({ persons }) => !persons.has(target.person));
        const within = groups.filter(({ persons }) => persons.has(target.person)).slice(0, 1);
        const found = await run(asker(source, disclosure, target), conditionOf(target), [
          ...without,
          ...within,
        ]);
        if (found !== undefined) answered += 1;
        if (found !== undefined && found !== 0) seen += 1;
        const guess = found === undefined ? random() < 0.5 : found > 0.5;
        if (guess === target.isFemale) right += 1;
      }
      results.push({ attack, targets: targets.length, answered, seen, right });
    }
    return results;
  } finally {
    await database.close();
    await postgres.stop();
  }
}

async function loadGibleed(postgres: TestPostgres): Promise<void> {
  await loadCdm({
    source: await folderSource(GIBLEED),
    upstream: urlUpstream(postgres.adminUrl),
    schema: "cdm",
    signal: NEVER,
  });
  await postgres.sql(
    "GRANT USAGE ON SCHEMA cdm TO omcp_reader; GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO omcp_reader",
  );
}

function conditionOf({ concept, month: [first, last] }: Target): Condition {
  return {
    and: [
      { column: "condition_concept_id", op: "=", value: concept },
      { column: "condition_start_date", op: "between", value: [first, last] },
    ],
  };
}

function asker(source: DisclosedSource, disclosure: Disclosure, target: Target): Asker {
  const isFemale = { column: "person.gender_concept_id", op: "=", value: FEMALE };
  const age = { fn: "sum", column: "age_at(condition_start_date)" };
  const month = "month(condition_start_date)";
  return {
    async count(conditions, statistic) {
      const { cells } = await disclosure.answer(
        target.person,
        disclosedQuerySchema("5.4").parse({
          table: "condition_occurrence",
          filters: [isFemale, conditions.length === 1 ? conditions[0] : { or: conditions }],
          ...statistic === "records" ? { aggregates: [{ fn: "count" }] } : {},
          ...statistic === "ages" ? { aggregates: [age] } : {},
          ...statistic === "months" ? { group_by: [month] } : {},
        }),
        HOW,
      );
      if (statistic === "months") {
        return cells.find(({ keys: [key] }) => Number(key) === Number(target.month[0].slice(5, 7)))?.persons;
      }
      return statistic === "persons" ? cells[0]?.persons : cells[0]?.values[0];
    },
    async steps({ concept }) {
      const { steps } = await disclosure.attrition(
        target.person,
        cohortOf(concept, target),
        HOW,
      );
      // Women, then without the target's condition; then each person's first, and the periods.
      const [before, after] = steps.slice(-4, -2).map(({ persons }) => persons);
      return before === undefined || after === undefined ? undefined : before - after;
    },
    analysis(which, { concept: outcome }, without) {
      const cohort = cohortSelect(cohortOf(undefined, without ? target : undefined), source.schema);
      return analysisOf(which, { source, disclosure, principal: target.person, cohort, outcome });
    },
  };
}

/** Women with a condition, or with any; with a target, those who do not have the target's. */
function cohortOf(concept: number | undefined, target: Target | undefined): CohortExpression {
  const concepts = concept === undefined ? {} : { concepts: [{ concept_id: concept }] };
  return readCohort({
    entry: [{ table: "condition_occurrence", ...concepts, first: true }],
    sex: "female",
    ...target === undefined ? {} : {
      without: [{
        table: "condition_occurrence",
        concepts: [{ concept_id: target.concept }],
        dates: { from: target.month[0], to: target.month[1] },
        outside_observation: true,
      }],
    },
  });
}

async function targetsOf(postgres: TestPostgres, count: number, seed: number): Promise<readonly Target[]> {
  const rows = await rowsOf(
    postgres,
    `SELECT min(o.person_id), condition_concept_id, date_trunc('month', condition_start_date)::date,
       (date_trunc('month', condition_start_date) + interval '1 month - 1 day')::date, min(gender_concept_id)
     FROM cdm.condition_occurrence AS o JOIN cdm.person AS p ON p.person_id = o.person_id
     WHERE gender_concept_id IN (8507, ${FEMALE})
     GROUP BY 2, 3, 4 HAVING count(DISTINCT o.person_id) = 1`,
  );
  const random = randomNumbers(seed);
  const drawn = rows.map((row) => ({ row, at: random() })).sort((a, b) => a.at - b.at);
  // As many women as men: who sees nothing guesses half of them.
  return [true, false].flatMap((isFemale) =>
    drawn.filter(({ row }) => (Number(row.at(-1)) === FEMALE) === isFemale).slice(0, Math.floor(count / 2))
  )
    .map(({ row: [person = "", concept, first = "", last = "", sex] }) => ({
      person,
      concept: Number(concept),
      month: [first, last],
      isFemale: Number(sex) === FEMALE,
    }));
}

/** The conditions that most persons have. */
async function groupsOf(postgres: TestPostgres): Promise<readonly Group[]> {
  const rows = await rowsOf(
    postgres,
    `SELECT condition_concept_id, string_agg(DISTINCT person_id::text, ',') FROM cdm.condition_occurrence
     GROUP BY 1 HAVING count(DISTINCT person_id) >= 100 ORDER BY count(DISTINCT person_id) DESC LIMIT 20`,
  );
  return rows.map(([concept, persons = ""]) => ({
    concept: Number(concept),
    persons: new Set(persons.split(",")),
  }));
}

async function rowsOf(postgres: TestPostgres, sql: string): Promise<readonly (readonly string[])[]> {
  return (await postgres.sql(sql)).trim().split("\n").map((line) => line.split("|"));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}
