import type * as z from "zod";
import { type DisclosedSteps, type DisclosureRules, leastShown } from "../../cdm/disclosure/mod.ts";
import { OmcpError } from "../../errors.ts";
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
import { cohortConcepts, heldText, refuseWithoutEntry } from "../cohort_text.ts";
import { remainingLine } from "../disclosure_lines.ts";
import { disclosureOf, releasedFacts } from "../disclosure_of.ts";
import { type CdmService, defineTool, type Tool, type ToolContext } from "../tool.ts";

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
    input: cohortArguments.extend({
      name: cohortNameSchema.describe(
        "Its name. Without other arguments: shows the cohort of that name again.",
      ),
    }),
  }),
  async handle({ name, ...definition }, context) {
    const steps = new AnswerSteps();
    return await steps.within(context.signal, async () => {
      const audit: MoreFacts = { decision: "refused" };
      const cohort = await asked(name, definition, context);
      return await answerWithin(context, {
        sandbox: undefined,
        tool: "define_cohort",
        source: JSON.stringify({ name, ...definition }),
        audit,
        timeoutMs: context.services.limits.queryMs,
        work: (run) =>
          steps.within(run.signal, async () => {
            run.progress("counting the cohort");
            const { counted, held, isHeld } = await count(cohort, context, { signal: run.signal, audit });
            const text = [
              ...attritionText(cohort.expression, counted, cohort.rules),
              ...(isHeld ? heldText(name, held) : ["", notHeld(cohort.rules)]),
            ];
            return { kind: "text", text: text.join("\n") };
          }),
      });
    });
  },
  async data({ name, ...definition }, context) {
    return await new AnswerSteps().within(context.signal, async () => {
      const { signal, audit } = context;
      Object.assign(audit, { decision: "refused" });
      const cohort = await asked(name, definition, context);
      const { counted, isHeld } = await count(cohort, context, { signal, audit });
      return {
        name,
        held: isHeld,
        attrition: counted.steps.map(({ label, persons, derived }) => ({
          step: label,
          persons: persons ?? null,
          mark: derived ? "~" : "",
        })),
        understood: cohortMeaning(cohort.expression),
        remaining: counted.remaining,
        notes: isHeld ? [] : [notHeld(cohort.rules)],
      };
    });
  },
});

/** The cohort of a call. */
interface AskedCohort {
  readonly name: string;
  readonly expression: CohortExpression;
  /** Whether the call defines it; otherwise it is one that is held. */
  readonly isNew: boolean;
  readonly cdm: CdmService;
  readonly rules: DisclosureRules;
}

async function asked(
  name: string,
  definition: z.infer<typeof cohortArguments>,
  context: ToolContext,
): Promise<AskedCohort> {
  const cdm = await cdmOf(context);
  const { rules } = disclosureOf(cdm);
  if (definition.entry !== undefined) {
    return { name, expression: readCohort(definition), isNew: true, cdm, rules };
  }
  refuseWithoutEntry(definition);
  const held = cdm.cohorts.get(context.principal.id, name);
  if ("persons" in held) {
    throw new OmcpError("internal", "A result is held as a cohort where rows may be read");
  }
  return { name, expression: held.expression, isNew: false, cdm, rules };
}

/** Counts a cohort, holds a new one of enough persons, and adds to the audit what was released. */
async function count(
  { name, expression, isNew, cdm }: AskedCohort,
  { principal: { id }, services: { limits: { queryMs: ms } } }: ToolContext,
  { signal, audit }: { readonly signal: AbortSignal; readonly audit: MoreFacts },
) {
  const named = cohortConcepts(expression).flatMap(({ ids }) => ids);
  await cdm.concepts.requireKnown(named, signal);
  const counted = await disclosureOf(cdm).attrition(id, expression, { ms, signal });
  Object.assign(audit, releasedFacts(counted.facts));
  const isHeld = !isNew || counted.steps.at(-1)?.persons !== undefined;
  const held = isNew && isHeld ? cdm.cohorts.hold(id, { name, expression }) : undefined;
  return { counted, held, isHeld };
}

function notHeld(rules: DisclosureRules): string {
  return `The cohort is not held: it has fewer than ${leastShown(rules)} persons, or none.`;
}

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
    `A step that the next ones leave fewer than ${least} persons out of shows their number. ~ computed from several earlier answers instead of the records.`,
    remainingLine(remaining),
  ];
}
