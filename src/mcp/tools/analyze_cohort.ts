import { LEAVING_MS } from "../../cdm/analyses/mod.ts";
import { counted } from "../../lib/counted.ts";
import { type AnalysisRequest, type AnalysisResult, analysisSchema } from "../../omop/analyses/mod.ts";
import { resultNameSchema } from "../../omop/query/mod.ts";
import { analysisAnswer } from "../analysis_answer.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf } from "../cdm_of.ts";
import { contextArgument, inContext } from "../context_argument.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { type CallReport, defineTool, type Tool, type ToolContext } from "../tool.ts";

/** The most rows that code in a sandbox gets. */
const MOST_ROWS = 50_000;

/** Analyses a cohort: counts by the database, statistics by the server, numbers and a chart in a sandbox. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "open",
  define: () => ({
    name: "analyze_cohort",
    title: "Analyze a cohort",
    description:
      "Computes an epidemiological analysis of a cohort with OHDSI's definitions. characterize: demographics and the most frequent conditions, drugs " +
      "and procedures before, at and after the index date. table_one: groups beside each other, with standardised mean differences. prevalence: " +
      "point or period, Wilson intervals. incidence_rate: per 1,000 person-years, exact Poisson intervals. survival: Kaplan–Meier and log-rank. " +
      "Returns every assumption and the numbers; with sandbox_id also a DataFrame there and a chart.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: analysisSchema.extend({
      sandbox_id: sandboxIdSchema.optional(),
      into: resultNameSchema.default("analysis_df").describe(
        "With sandbox_id: the variable that receives the DataFrame.",
      ),
      context: contextArgument("Where `into` is."),
    }),
    renamed: { target: "cohort", stratify_by: "strata" },
  }),
  async handle({ sandbox_id, into, context: name, ...request }, context) {
    const { sandboxes, limits: { queryMs } } = context.services;
    const sandbox = sandbox_id === undefined ? undefined : sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "analyze_cohort",
      ...inContext(name),
      source: JSON.stringify(request),
      timeoutMs: queryMs + (sandbox === undefined ? 0 : LEAVING_MS),
      work: async (run) => {
        const result = await analyze(request, context, run);
        const leaving = { analysis: request.analysis, into, ...inContext(name), run };
        return await analysisAnswer(result, sandbox, leaving);
      },
    });
  },
  async data({ sandbox_id: _own, into: _into, context: _name, ...request }, context) {
    const { table: { columns, rows }, understood, notes } = await analyze(request, context, context);
    const rest = rows.length - MOST_ROWS;
    return {
      columns,
      rows: rows.slice(0, MOST_ROWS),
      understood,
      notes: rest > 0 ? [...notes, `[truncated: ${counted(rest, "more row")}; use fewer strata]`] : notes,
    };
  },
});

/** Runs an analysis of the caller's cohorts. */
async function analyze(
  request: AnalysisRequest,
  context: ToolContext,
  report: Pick<CallReport, "signal" | "progress">,
): Promise<AnalysisResult> {
  const { principal, services: { limits: { queryMs } } } = context;
  const { analyses, cohorts, schema } = await cdmOf(context);
  return await analyses.run(request, {
    cohort: (name) => cohorts.select(principal.id, name, schema),
    ms: queryMs,
    signal: report.signal,
    progress: (message) => report.progress(message),
  });
}
