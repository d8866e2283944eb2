import type { Disclosure, DisclosureFacts } from "../../cdm/disclosure/mod.ts";
import { OmcpError } from "../../errors.ts";
import { disclosedQuerySchema } from "../../omop/disclosed/mod.ts";
import { resultNameSchema } from "../../omop/query/mod.ts";
import type { MoreFacts } from "../../observability/audit.ts";
import type { ExecutionRun, Sandbox } from "../../sandbox/mod.ts";
import { AnswerSteps } from "../answer_steps.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf } from "../cdm_of.ts";
import { describeTable, frameSource, type ShownTable, shownTable, tableNotes } from "../disclosed_table.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool, type ToolContext } from "../tool.ts";

const FRAME_MS = 30_000;

/** Arguments of the mode that returns rows: what to use instead. */
const ROWS = "rows do not leave the database: ask for numbers on groups with group_by and aggregates";
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ...["columns", "select", "sql", "query", "statement", "code"].map((name) => [name, ROWS] as const),
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
      `Counts persons and records, adds up and averages quantities of one table of the OMOP CDM ${cdmVersion}, by up to three groups. ` +
      "Only numbers that rest on enough persons are returned; rows never leave the database. With sandbox_id, the table is also left there as a " +
      "pandas DataFrame. Columns of each row's person: person.<column>.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: disclosedQuerySchema(cdmVersion).extend({
      sandbox_id: sandboxIdSchema.optional(),
      into: resultNameSchema.default("omop_df").describe(
        "With sandbox_id: the variable that receives the DataFrame.",
      ),
    }),
    unknownArgument: (name) => ELSEWHERE.get(name),
  }),
  async handle({ sandbox_id, into, ...query }, context) {
    const steps = new AnswerSteps();
    return await steps.within(context.signal, async () => {
      const disclosure = await disclosureOf(context);
      const { sandboxes, limits: { queryMs } } = context.services;
      const sandbox = sandbox_id === undefined ? undefined : sandboxes.get(sandbox_id);
      const audit = askedFacts(query);
      return await answerWithin(context, {
        sandbox,
        tool: "query_omop",
        source: JSON.stringify(query),
        audit,
        timeoutMs: queryMs + FRAME_MS,
        work: (run) =>
          steps.within(run.signal, async () => {
            run.progress("asking the database");
            const how = { ms: queryMs, signal: run.signal };
            const table = await disclosure.answer(context.principal.id, query, how);
            Object.assign(audit, releasedFacts(table.facts));
            const shown = shownTable(table, query.order_by, query.limit);
            const left = sandbox === undefined ? [] : [await leaveFrame(sandbox, shown, into, run)];
            const text = [...left, describeTable(shown, disclosure.rules, table.remaining)].join("\n");
            return { kind: "text", text };
          }),
      });
    });
  },
  async data({ sandbox_id: _own, into: _into, ...query }, context) {
    return await new AnswerSteps().within(context.signal, async () => {
      const disclosure = await disclosureOf(context);
      const how = { ms: context.services.limits.queryMs, signal: context.signal };
      Object.assign(context.audit, askedFacts(query));
      const table = await disclosure.answer(context.principal.id, query, how);
      Object.assign(context.audit, releasedFacts(table.facts));
      const shown = shownTable(table, query.order_by, query.limit);
      return {
        columns: shown.columns,
        rows: shown.rows,
        derived: shown.derived,
        left: shown.left,
        remaining: table.remaining,
        notes: tableNotes(shown, disclosure.rules, table.remaining),
      };
    });
  },
});

async function disclosureOf(context: ToolContext): Promise<Disclosure> {
  const { disclosure } = await cdmOf(context);
  if (disclosure !== undefined) return disclosure;
  throw new OmcpError("internal", "The tool is offered where rows may be read");
}

/** What the audit has of the question: the query without the values of its conditions, which can be a patient's. */
function askedFacts<Q extends { readonly filters?: readonly { readonly value?: unknown }[] | undefined }>(
  query: Q,
): MoreFacts {
  const filters = query.filters?.map((filter) => "value" in filter ? { ...filter, value: "?" } : filter);
  return { decision: "refused", normalized: JSON.stringify({ ...query, filters }) };
}

/** What the audit has of the answer. */
function releasedFacts(facts: DisclosureFacts): MoreFacts {
  return { decision: facts.rows > 0 ? "released" : "withheld", ...facts };
}

/** Puts the table into a sandbox, and returns the answer's line about it. */
async function leaveFrame(
  sandbox: Sandbox,
  shown: ShownTable,
  into: string,
  run: ExecutionRun,
): Promise<string> {
  const outcome = await sandbox.execute(frameSource(shown, into), {
    timeoutMs: FRAME_MS,
    outputBytes: 4_096,
    silent: true,
    signal: run.signal,
    onWaiting: () => run.queued(),
    onStarted: () => run.started(),
  });
  return outcome.status === "ok"
    ? `The table is in the sandbox as the DataFrame \`${into}\`.`
    : `The DataFrame \`${into}\` was not made: its execution in the sandbox ended as ${outcome.status}.`;
}
