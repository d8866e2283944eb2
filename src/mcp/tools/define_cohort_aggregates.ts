import { type DisclosedSteps, type DisclosureRules, leastShown } from "../../cdm/disclosure/mod.ts";
import { showable } from "../../lib/text.ts";
import type { MoreFacts } from "../../observability/audit.ts";
import {
  cohortArguments,
  type CohortExpression,
  cohortMeaning,
  cohortNameSchema,
  readCohort,
} from "../../omop/cohorts/mod.ts";
import { AnswerSteps } from "../answer_steps.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf } from "../cdm_of.ts";
import { heldText } from "../cohort_text.ts";
import { remainingLine } from "../disclosure_lines.ts";
import { disclosureOf, releasedFacts } from "../disclosure_of.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Defines a cohort where rows must not leave the database: its attrition has released numbers only. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "aggregate",
  define: () => ({
    name: "define_cohort",
    title: "Define a cohort",
    description:
      "Defines persons and their time in a cohort, with the semantics of ATLAS: an entry event, conditions around it, an exit. Returns the " +
      "persons left after each condition, as far as they are enough. Dates by months, ages by five years, one entry event. The server holds the " +
      "definition by its name for query_omop (table cohort, or in persons).",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: cohortArguments.extend({ name: cohortNameSchema.describe("Its name.") })
      .required({ entry: true }),
  }),
  async handle({ name, ...definition }, context) {
    const steps = new AnswerSteps();
    return await steps.within(context.signal, async () => {
      const { principal, services: { limits: { queryMs } } } = context;
      const cdm = await cdmOf(context);
      const disclosure = disclosureOf(cdm);
      const expression = readCohort(definition);
      const audit: MoreFacts = { decision: "refused" };
      return await answerWithin(context, {
        sandbox: undefined,
        tool: "define_cohort",
        source: JSON.stringify({ name, ...definition }),
        audit,
        timeoutMs: queryMs,
        work: (run) =>
          steps.within(run.signal, async () => {
            run.progress("counting the cohort");
            const how = { ms: queryMs, signal: run.signal };
            const counted = await disclosure.attrition(principal.id, expression, how);
            Object.assign(audit, releasedFacts(counted.facts));
            const isEnough = counted.steps.at(-1)?.persons !== undefined;
            const held = isEnough ? cdm.cohorts.hold(principal.id, { name, expression }) : undefined;
            const text = [
              ...attritionText(expression, counted, disclosure.rules),
              ...(isEnough ? heldText(name, held) : [
                "",
                `The cohort is not held: it has fewer than ${leastShown(disclosure.rules)} persons, or none.`,
              ]),
            ];
            return { kind: "text", text: text.join("\n") };
          }),
      });
    });
  },
});

function attritionText(
  expression: CohortExpression,
  { steps, remaining }: DisclosedSteps,
  rules: DisclosureRules,
): readonly string[] {
  const least = leastShown(rules);
  return [
    "Understood:",
    ...cohortMeaning(expression).map((line) => `  ${showable(line)}`),
    "",
    "step | persons",
    ...steps.map(({ label, persons, derived }) =>
      `${showable(label)} | ${persons ?? `fewer than ${least}, or none`}${derived ? " ~" : ""}`
    ),
    "",
    `A step that leaves out fewer than ${least} persons shows the number before it. ~ computed from several earlier answers instead of the records.`,
    remainingLine(remaining),
  ];
}
