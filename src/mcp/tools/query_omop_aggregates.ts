import { answerWithPercentiles } from "../../cdm/disclosure/mod.ts";
import { disclosedMeaning, type DisclosedQuery, disclosedQuerySchema } from "../../omop/disclosed/mod.ts";
import { isRecord } from "../../lib/is_record.ts";
import { comparedConcepts } from "../../omop/query/named_concepts.ts";
import { QUERY_HINTS, resultNameSchema } from "../../omop/query/mod.ts";
import type { MoreFacts } from "../../observability/audit.ts";
import type { ExecutionRun, Sandbox } from "../../sandbox/mod.ts";
import { disclosureOf, releasedFacts } from "../disclosure_of.ts";
import { AnswerSteps } from "../answer_steps.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf } from "../cdm_of.ts";
import { describeTable, frameSource, type ShownTable, shownTable, tableNotes } from "../disclosed_table.ts";
import { contextArgument, inContext } from "../context_argument.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { type CdmService, defineTool, type Tool, type ToolContext } from "../tool.ts";

const FRAME_MS = 30_000;

/** Arguments of the mode that returns rows: what to use instead. */
const ROWS = "rows do not leave the database: ask for numbers on groups with group_by and aggregates";
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ...QUERY_HINTS,
  ...["columns", "select", "sql", "query", "statement", "code"].map((name) => [name, ROWS] as const),
  ["aggregates.as", "not in this mode: the result names its columns itself, such as avg_value_as_number"],
  ["as_cohort", "not in this mode: define the persons with define_cohort"],
  ...["max", "min"].map((name) =>
    [name, "not in this mode: it is one person's value; use percentile"] as const
  ),
  ["where", "use filters"],
  ["from", "use table"],
  ["having", "filter the result instead: order_by and limit work on released numbers"],
]);

/** Answers queries with numbers on groups of persons, where rows must not leave the database. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "aggregate",
  define: ({ cdmVersion }) => ({
    name: "query_omop",
    title: "Query the OMOP CDM",
    description:
      `Counts persons and records, adds up, averages and takes medians of quantities of one table of the OMOP CDM ${cdmVersion}, by up to three groups. ` +
      "Only numbers that rest on enough persons are returned; rows never leave the database. For events around others, define a cohort and query it. " +
      "With sandbox_id, the table is also left there as a " +
      "pandas DataFrame. Columns of each row's person: person.<column>.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: disclosedQuerySchema(cdmVersion).extend({
      sandbox_id: sandboxIdSchema.optional(),
      into: resultNameSchema.default("omop_df").describe(
        "With sandbox_id: the variable that receives the DataFrame.",
      ),
      context: contextArgument("Where `into` is."),
    }),
    unknownArgument: (name) => ELSEWHERE.get(name),
  }),
  async handle({ sandbox_id, into, context: name, ...query }, context) {
    const steps = new AnswerSteps();
    return await steps.within(context.signal, async () => {
      const cdm = await cdmOf(context);
      const { sandboxes, limits: { queryMs } } = context.services;
      const sandbox = sandbox_id === undefined ? undefined : sandboxes.get(sandbox_id);
      const audit = askedFacts(query);
      return await answerWithin(context, {
        sandbox,
        tool: "query_omop",
        ...inContext(name),
        source: JSON.stringify(query),
        audit,
        timeoutMs: queryMs + FRAME_MS,
        work: (run) =>
          steps.within(run.signal, async () => {
            run.progress("asking the database");
            const how = { cdm, signal: run.signal, audit };
            const { shown, ...about } = await answered(query, context, how);
            const left = sandbox === undefined
              ? []
              : [await leaveFrame(sandbox, shown, { into, ...inContext(name), run })];
            const text = [...left, describeTable(shown, about)].join("\n");
            return { kind: "text", text };
          }),
      });
    });
  },
  async data({ sandbox_id: _own, into: _into, context: _name, ...query }, context) {
    return await new AnswerSteps().within(context.signal, async () => {
      const { signal, audit } = context;
      const cdm = await cdmOf(context);
      Object.assign(audit, askedFacts(query));
      const { shown, rules, remaining, meaning } = await answered(query, context, { cdm, signal, audit });
      return {
        columns: shown.columns,
        rows: shown.rows,
        derived: shown.derived,
        left: shown.left,
        understood: meaning,
        remaining,
        notes: tableNotes(shown, rules, remaining),
      };
    });
  },
});

/** Asks the database, and adds to the audit what was released. */
async function answered(
  query: DisclosedQuery,
  { principal, services: { limits } }: ToolContext,
  { cdm, signal, audit }: {
    readonly cdm: CdmService;
    readonly signal: AbortSignal;
    readonly audit: MoreFacts;
  },
) {
  const disclosure = disclosureOf(cdm);
  const { rules } = disclosure;
  const named = comparedConcepts(query, query.table, cdm.version).flatMap(({ ids }) => ids);
  await cdm.concepts.requireKnown(named, signal);
  const how = {
    ms: limits.queryMs,
    signal,
    cohort: (name: string) => cdm.cohorts.select(principal.id, name, cdm.schema),
  };
  const table = await answerWithPercentiles(query, {
    version: cdm.version,
    rules,
    ask: (asked) => disclosure.answer(principal.id, asked, how),
  });
  Object.assign(audit, releasedFacts(table.facts));
  const shown = shownTable(table, { order: query.order_by?.[0], limit: query.limit, rules });
  const meaning = disclosedMeaning(query, table.query.groups);
  return { shown, meaning, rules, remaining: table.remaining };
}

/** What the audit records of the question: the query without the values of its conditions, which can be a patient's. */
function askedFacts(query: DisclosedQuery): MoreFacts {
  const normalized = JSON.stringify({ ...query, filters: query.filters?.map(withoutValues) });
  return { decision: "refused", normalized };
}

/** A condition, or a group of such, without what it compares with. */
function withoutValues(filter: unknown): unknown {
  if (!isRecord(filter)) return "?";
  return Object.fromEntries(
    Object.entries(filter).map(([name, part]) => [
      name,
      name === "column" || name === "op"
        ? part
        : Array.isArray(part) && name !== "value"
        ? part.map(withoutValues)
        : "?",
    ]),
  );
}

/** Puts the table into a sandbox, and returns the answer's line about it. */
async function leaveFrame(
  sandbox: Sandbox,
  shown: ShownTable,
  { into, context, run }: { readonly into: string; readonly context?: string; readonly run: ExecutionRun },
): Promise<string> {
  const outcome = await sandbox.execute(frameSource(shown, into), {
    timeoutMs: FRAME_MS,
    outputBytes: 4_096,
    silent: true,
    ...inContext(context),
    signal: run.signal,
    onWaiting: () => run.queued(),
    onStarted: () => run.started(),
  });
  return outcome.status === "ok"
    ? `The table is in the sandbox as the DataFrame \`${into}\`.`
    : `The DataFrame \`${into}\` was not made: its execution in the sandbox ended as ${outcome.status}.`;
}
