import type { CdmCohorts } from "../../cdm/cohorts/mod.ts";
import { type QueryAnswer, runQuery } from "../../cdm/query_runner/run_query.ts";
import { OmcpError } from "../../errors.ts";
import { showable } from "../../lib/text.ts";
import {
  type CompiledOmopQuery,
  compileOmopQuery,
  type CompileOptions,
  type OmopQuery,
  omopQuerySchema,
  type PersonSet,
  personSet,
  ROW_QUERY_HINTS,
} from "../../omop/query/mod.ts";
import { cohortNameSchema } from "../../omop/cohorts/mod.ts";
import { lintQuery, warningLine } from "../../omop/lint/mod.ts";
import { counted } from "../../lib/counted.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf, databaseReady } from "../cdm_of.ts";
import { heldText, sizeText } from "../cohort_text.ts";
import { frameText, isEmpty, shortValue } from "../frame_text.ts";
import { queryCell } from "../notebook/query_cell.ts";
import { queryConcepts } from "../query_concepts.ts";
import { runnableSql } from "../runnable_sql.ts";
import { contextArgument, inContext } from "../context_argument.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { type CdmService, defineTool, type Tool, type ToolContext } from "../tool.ts";

/** Characters of the SQL that are shown; a cohort's SQL has some thousands. */
const SQL_CHARACTERS = 2_000;
const MAX_ROWS = 1_000_000;
/** Lines of a plan. */
const PLAN_LINES = 20;

const RAW_SQL = "for SQL use run_sql";

/** Arguments that a caller may expect from SQL and this tool does not have: what to use instead. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ...["sql", "query", "statement", "code", "join", "joins"].map((name) => [name, RAW_SQL] as const),
  ["where", `use filters; ${RAW_SQL}`],
  ["select", "use columns"],
  ["from", "use table"],
  ["sort", "use order_by"],
  ["as", "use into or as_cohort"],
]);

/** Runs a typed query on the CDM. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "open",
  define: ({ cdmVersion }) => ({
    name: "query_omop",
    title: "Query the OMOP CDM",
    description:
      `Runs a typed query on a table of the OMOP CDM ${cdmVersion}: filters, concept sets, first or last event of each person, persons with ` +
      "or without other events in a window, ages and dates, counts of persons, statistics, person-years. It runs inside a sandbox and leaves " +
      "the rows there as a pandas DataFrame (variable `into`) for execute_python_code. Returns what it understood, the SQL, the columns, the " +
      "row count and at most 20 rows. For anything else, use run_sql.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: omopQuerySchema(cdmVersion).extend({
      as_cohort: cohortNameSchema.optional().describe(
        "Hold all persons of the result, even beyond limit, as a cohort of this name.",
      ),
      context: contextArgument("Where `into` is."),
      sandbox_id: sandboxIdSchema,
    }),
    unknownArgument: (name) => ELSEWHERE.get(name) ?? ROW_QUERY_HINTS.get(name),
  }),
  async handle({ sandbox_id, context: name, as_cohort, ...query }, context) {
    const { sandboxes, limits: { queryMs } } = context.services;
    // The SQL depends on the version.
    const cdm = await cdmOf(context);
    const compiled = compiledFor(query, cdm, context);
    const cohort = cohortOf(as_cohort, query, cdm, context);
    const sandbox = sandboxes.get(sandbox_id);
    const sql = runnableSql(compiled.sql, compiled.parameters);
    return await answerWithin(context, {
      sandbox,
      tool: "query_omop",
      source: sql,
      timeoutMs: queryMs,
      usesKernel: true,
      ...inContext(name),
      // A query that was only explained left nothing to repeat.
      ...(query.explain === true ? {} : { notebook: queryCell(query.into, sql, compiled) }),
      work: async (run) => {
        await databaseReady(cdm, run, queryMs);
        const named = { query, table: query.table, version: cdm.version };
        const warnings = await queryConcepts(cdm.concepts, named, run.signal);
        const { into, explain } = query;
        const { meaning, limit } = compiled;
        if (countsPeople(query)) cdm.concepts.orphans.begin(query.table);
        const answer = await runQuery(sandbox, explain === true ? explained(compiled) : compiled, {
          into: explain === true ? undefined : into,
          ...inContext(name),
          shownSql: sql,
          timeoutMs: queryMs,
          run,
        });
        const ofConcepts = explain !== true && isEmpty(answer)
          ? await queryConcepts(cdm.concepts, { ...named, empty: true }, run.signal)
          : warnings;
        const notes = await notesOn(query, ofConcepts, cdm);
        const text = explain === true ? describePlan({ meaning, sql, notes }, answer) : describe({
          into,
          sql,
          limit,
          meaning,
          notes: [
            ...notes,
            ...(cohort === undefined
              ? []
              : await holdCounted(cohort, query, { cdm, signal: run.signal, context })),
          ],
        }, answer);
        return {
          kind: "text",
          text,
          bytes: answer.memoryBytes,
        };
      },
    });
  },
  /** The SQL: the code runs it over its sandbox's own connection, where it belongs to the running cell. */
  async data({ sandbox_id, as_cohort, ...query }, context) {
    const cdm = await cdmOf(context);
    const compiled = compiledFor(query, cdm, context);
    const cohort = cohortOf(as_cohort, query, cdm, context);
    await cdm.ready(context.signal);
    const named = { query, table: query.table, version: cdm.version, empty: context.empty };
    // The code already has the notes on a result with rows, from its first call.
    const notes = context.ran && !context.empty
      ? []
      : [...await notesOn(query, await queryConcepts(cdm.concepts, named, context.signal), cdm)];
    const { sql, parameters, columns, limit, meaning } = query.explain === true
      ? explained(compiled)
      : compiled;
    // Only after the code has run the query is it known whether it works.
    if (cohort !== undefined && context.ran && query.explain !== true) {
      cdm.cohorts.hold(context.principal.id, cohort);
      notes.push(...everybodyNotes(query));
    }
    return {
      sql,
      parameters,
      columns,
      limit,
      shown_sql: runnableSql(compiled.sql, compiled.parameters),
      memory_bytes: context.services.sandboxes.get(sandbox_id).memoryBytes ?? null,
      understood: meaning,
      notes,
    };
  },
});

function compiledFor(query: OmopQuery, cdm: CdmService, context: ToolContext): CompiledOmopQuery {
  return compileOmopQuery(query, { ...tablesOf(cdm, context), maxRows: MAX_ROWS });
}

function tablesOf(cdm: CdmService, { principal }: ToolContext): Omit<CompileOptions, "maxRows"> {
  const { version, schema, cohorts } = cdm;
  return { version, schema, cohort: (name) => cohorts.select(principal.id, name, schema) };
}

/** The persons of a query as a cohort. personSet() checks before the query runs that a cohort can hold them. */
interface PersonsCohort {
  readonly name: string;
  readonly persons: PersonSet;
}

function cohortOf(
  name: string | undefined,
  query: OmopQuery,
  cdm: CdmService,
  context: ToolContext,
): PersonsCohort | undefined {
  return name === undefined ? undefined : { name, persons: personSet(query, tablesOf(cdm, context)) };
}

/** Holds and counts a cohort. Returns lines of the answer. */
async function holdCounted(
  cohort: PersonsCohort,
  query: OmopQuery,
  { cdm: { cohorts }, signal, context: { principal, services } }: {
    readonly cdm: CdmService;
    readonly signal: AbortSignal;
    readonly context: ToolContext;
  },
): Promise<readonly string[]> {
  const held = cohorts.hold(principal.id, cohort);
  return [
    ...everybodyNotes(query),
    ...heldText(cohort.name, held).filter((line) => line !== ""),
    await sizeLine(cohort.persons, cohorts, signal, services.limits.queryMs),
  ];
}

/** A failed count is a line of the answer, not an error: the query's rows and the held cohort are valid without it. */
async function sizeLine(
  persons: PersonSet,
  cohorts: CdmCohorts,
  signal: AbortSignal,
  ms: number,
): Promise<string> {
  try {
    const [size] = await cohorts.size(persons, signal, ms);
    return size === undefined ? "Held: no persons." : `Held: ${sizeText(size)}.`;
  } catch (error) {
    if (!(error instanceof OmcpError)) throw error;
    return `Held, and not counted: ${error.message}.`;
  }
}

/** Warns about an aggregate without a filter: a caller may think that it chooses persons, but its cohort is everybody. */
function everybodyNotes(query: OmopQuery): readonly string[] {
  const { table, aggregates = [], group_by = [], filters = [], persons, cohort } = query;
  return aggregates.length > 0 && group_by.length === 0 && filters.length === 0 && persons === undefined &&
      cohort === undefined
    ? [`Warning: no filter chooses persons, so the cohort is everybody with a row of ${table}.`]
    : [];
}

/** Notes on a query, with the lines about its concepts. */
async function notesOn(
  query: OmopQuery,
  ofConcepts: readonly string[],
  { concepts, version }: CdmService,
): Promise<readonly string[]> {
  return [
    ...lintQuery(query, version).map(warningLine),
    ...ofConcepts,
    ...(countsPeople(query) ? await concepts.orphans.note(query.table) : []),
  ];
}

/** Whether a number of the answer may include people who have no row in `person`. */
function countsPeople({ table, cohort, filters = [], aggregates = [], explain }: OmopQuery): boolean {
  if (explain === true || cohort !== undefined) return false;
  if (filters.some(({ column }) => column === "person.person_id")) return false;
  const ofPeople = aggregates.some(({ fn, column }) =>
    fn === "count_persons" || fn === "person_years" || column === "person_id"
  );
  return ofPeople && table !== "person";
}

interface RanQuery {
  readonly into: string;
  readonly sql: string;
  /** What was understood. */
  readonly meaning: string;
  /** Notes on its concepts. */
  readonly notes: readonly string[];
  /** Rows that are kept. */
  readonly limit: number;
}

/** The database's plan in place of the rows. */
function explained(compiled: CompiledOmopQuery): CompiledOmopQuery {
  return {
    ...compiled,
    sql: `explain ${compiled.sql}`,
    columns: [{ name: "plan", type: "text" }],
    limit: PLAN_LINES,
  };
}

function describePlan(
  { meaning, sql, notes }: Pick<RanQuery, "meaning" | "sql" | "notes">,
  answer: QueryAnswer,
): string {
  return [
    "The query was not run.",
    `Understood: ${showable(meaning)}`,
    ...notes.map(showable),
    `SQL: ${showable(sql)}`,
    "The database's plan, with its estimate of rows:",
    ...answer.preview.map(([line]) => showable(shortValue(line ?? ""))),
  ].join("\n");
}

function describe({ into, sql, limit, meaning, notes }: RanQuery, answer: QueryAnswer): string {
  const before = [`Understood: ${showable(meaning)}`, ...notes.map(showable), ...mixedUnits(answer)];
  const after = [`SQL: ${showable(shownSql(sql, into))}`];
  return frameText({ into, limit, before, after }, answer);
}

function shownSql(sql: string, into: string): string {
  const rest = sql.length - SQL_CHARACTERS;
  if (rest <= 0) return sql;
  return `${sql.slice(0, SQL_CHARACTERS)}… (+${counted(rest, "character")}: ${into}.attrs["sql"])`;
}

function mixedUnits({ columns, preview }: QueryAnswer): string[] {
  const at = columns.findIndex(({ name, statistic }) => name === "units" && statistic === true);
  const mixed = preview.filter((row) => String(row[at] ?? "").includes(" | ")).length;
  if (at < 0 || mixed === 0) return [];
  return [
    `Warning: ${counted(mixed, "shown row")} mixed units; add unit_concept_id to group_by, or filter by it.`,
  ];
}
