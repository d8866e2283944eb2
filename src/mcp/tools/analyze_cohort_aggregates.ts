import { type DisclosedAnalysis, LEAVING_MS } from "../../cdm/analyses/mod.ts";
import type { DisclosureRules } from "../../cdm/disclosure/mod.ts";
import type { MoreFacts } from "../../observability/audit.ts";
import {
  type AnalysisRequest,
  type AnalysisResult,
  disclosedAnalysisSchema,
} from "../../omop/analyses/mod.ts";
import { resultNameSchema } from "../../omop/query/mod.ts";
import { analysisAnswer } from "../analysis_answer.ts";
import { AnswerSteps } from "../answer_steps.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf } from "../cdm_of.ts";
import { numberNotes } from "../disclosure_lines.ts";
import { disclosureOf, releasedFacts } from "../disclosure_of.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { type CallReport, defineTool, type Tool, type ToolContext } from "../tool.ts";

/** Analyses a cohort where rows must not leave the database: numbers are released, and statistics and charts are made from them. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "aggregate",
  define: () => ({
    name: "analyze_cohort",
    title: "Analyze a cohort",
    description:
      "Computes an epidemiological analysis of a cohort with OHDSI's definitions, from numbers that rest on enough persons. characterize: " +
      "demographics and the most frequent conditions, drugs and procedures before, at and after the index date. table_one: groups beside each " +
      "other, with standardised mean differences. prevalence: point or period, Wilson intervals; needs periods.from and periods.to, of whole " +
      "months. incidence_rate: per 1,000 person-years, exact Poisson intervals. survival: Kaplan–Meier by intervals of days, and log-rank. " +
      "Earlier answers withhold later ones: most important question first, characterize last. Returns every assumption and the numbers; with sandbox_id also a DataFrame there and a chart.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: disclosedAnalysisSchema.extend({
      sandbox_id: sandboxIdSchema.optional(),
      into: resultNameSchema.default("analysis_df").describe(
        "With sandbox_id: the variable that receives the DataFrame.",
      ),
    }),
    renamed: { target: "cohort", stratify_by: "strata" },
  }),
  async handle({ sandbox_id, into, ...request }, context) {
    const steps = new AnswerSteps();
    return await steps.within(context.signal, async () => {
      const { sandboxes, limits: { queryMs } } = context.services;
      const sandbox = sandbox_id === undefined ? undefined : sandboxes.get(sandbox_id);
      const audit = askedFacts(request);
      return await answerWithin(context, {
        sandbox,
        tool: "analyze_cohort",
        source: JSON.stringify(request),
        audit,
        timeoutMs: queryMs + (sandbox === undefined ? 0 : LEAVING_MS),
        work: (run) =>
          steps.within(run.signal, async () => {
            const result = await analyze(request, context, { report: run, audit });
            return await analysisAnswer(result, sandbox, { analysis: request.analysis, into, run });
          }),
      });
    });
  },
  async data({ sandbox_id: _own, into: _into, ...request }, context) {
    return await new AnswerSteps().within(context.signal, async () => {
      const { audit } = context;
      Object.assign(audit, askedFacts(request));
      const { table: { columns, rows }, understood, notes } = await analyze(request, context, {
        report: context,
        audit,
      });
      return { columns, rows, understood, notes };
    });
  },
});

/** Runs an analysis of the caller's cohorts, and adds to the audit what was released. */
async function analyze(
  request: AnalysisRequest,
  context: ToolContext,
  { report, audit }: {
    readonly report: Pick<CallReport, "signal" | "progress">;
    readonly audit: MoreFacts;
  },
): Promise<AnalysisResult> {
  const { principal: { id: principal }, services: { limits: { queryMs } } } = context;
  const cdm = await cdmOf(context);
  const { rules } = disclosureOf(cdm);
  report.progress("asking the database");
  const analysis = await cdm.disclosedAnalyses?.run(request, {
    principal,
    cohort: (name) => cdm.cohorts.select(principal, name, cdm.schema),
    ms: queryMs,
    signal: report.signal,
  });
  if (analysis === undefined) throw new Error("There are analyses wherever there is disclosure");
  Object.assign(audit, releasedFacts(analysis.facts));
  return withNotes(analysis, rules);
}

function withNotes({ result, facts, remaining }: DisclosedAnalysis, rules: DisclosureRules): AnalysisResult {
  return {
    ...result,
    notes: [
      ...result.notes,
      ...absenceNotes(result),
      ...numberNotes(rules, { derived: facts.derived > 0, remaining }),
      INTERVALS,
    ],
  };
}

/** Unlike an SMD, they get no range: how much a test changes depends on whose outcomes the numbers are of. */
const INTERVALS =
  "Intervals and the log-rank test take the numbers as exact: they do not show what those few persons could change.";

/** Why numbers are absent, and what to do. The words are the same for every reason, because the reason would reveal something about a few persons. */
function absenceNotes({ shown: { rows } }: AnalysisResult): readonly string[] {
  const why = "too few persons, or earlier answers of this session come too near";
  const next =
    "Use fewer strata or longer periods; ask the most important question first, and characterize last.";
  if (rows.length === 0) return [`No row: ${why}. ${next}`];
  return rows.some((row) => row.some((value) => String(value).includes("withheld")))
    ? [`withheld: ${why}. ${next}`]
    : [];
}

/** What the audit records of the question: the analysis without its dates. */
function askedFacts(
  { periods: { from: _from, to: _to, ...periods }, ...request }: AnalysisRequest,
): MoreFacts {
  return { decision: "refused", normalized: JSON.stringify({ ...request, periods }) };
}
