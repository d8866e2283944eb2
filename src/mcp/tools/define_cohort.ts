import { Buffer } from "node:buffer";
import * as z from "zod";
import type { HeldCohort } from "../../cdm/cohorts/mod.ts";
import { OmcpError } from "../../errors.ts";
import { shownPath } from "../../lib/shown_path.ts";
import {
  allRules,
  cohortArguments,
  type CohortExpression,
  cohortMeaning,
  cohortNameSchema,
  cohortSelect,
  eventsOf,
  fromCirce,
  readCohort,
  toCirce,
} from "../../omop/cohorts/mod.ts";
import { lintCohort, warningLine } from "../../omop/lint/mod.ts";
import { heldSize } from "../../omop/sql_compiler.ts";
import type { Sandbox } from "../../sandbox/mod.ts";
import { answerWithin } from "../answer_within.ts";
import { auditedFileCall } from "../audited_file_call.ts";
import { cdmOf, databaseReady } from "../cdm_of.ts";
import {
  ageNotes,
  cohortConcepts,
  describeCohort,
  type DescribedCohort,
  eventConcepts,
  givenArgument,
  heldText,
  refuseWithoutEntry,
} from "../cohort_text.ts";
import { comparedNotes } from "../query_concepts.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { type CdmService, defineTool, type Tool, type ToolContext } from "../tool.ts";

/** Circe, too, counts people who have no row in `person`, unless a condition asks for age or sex. */
const WITHOUT_ORPHANS = 'For that, add "age": {"min": 0}.';
/** Time to write the JSON into a sandbox. */
const FILE_MS = 30_000;

const ARGUMENTS = cohortArguments.extend({
  name: cohortNameSchema.describe("Its name. Without other arguments: shows the cohort of that name again."),
  export_circe: z.boolean().optional().describe(
    "Also give the definition as JSON that ATLAS imports. Default: false.",
  ),
  circe: z.record(z.string(), z.unknown()).optional().describe(
    "In place of entry and the rest: a definition as JSON that ATLAS exports.",
  ),
  sandbox_id: sandboxIdSchema.optional().describe(
    "With export_circe: write the JSON there as <name>.json, not into the answer.",
  ),
});

/** Defines a cohort, counts it, and holds it for other tools. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "open",
  define: () => ({
    name: "define_cohort",
    title: "Define a cohort",
    description:
      "Defines persons and their time in a cohort, with the semantics of ATLAS: an entry event, conditions around it, an exit. Returns the " +
      "attrition: persons left after each condition. The server holds the definition by its name, for query_omop (table cohort, or in " +
      "persons) and other tools; nothing is written to the CDM.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: ARGUMENTS,
  }),
  async handle({ name, export_circe, sandbox_id, ...definition }, context) {
    const { sandboxes, limits: { queryMs } } = context.services;
    const { id: owner } = context.principal;
    const cdm = await cdmOf(context);
    const held = asked(cdm, owner, { name, ...definition });
    const toExport = export_circe === true ? exportable(held) : undefined;
    const sandbox = sandbox_id === undefined ? undefined : sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "define_cohort",
      source: JSON.stringify({ name, ...definition }),
      timeoutMs: queryMs + FILE_MS,
      work: async (run) => {
        await databaseReady(cdm, run, queryMs);
        run.progress("counting the cohort");
        const described = await counted(cdm, held, { signal: run.signal, ms: queryMs });
        const change = isNew(definition) ? cdm.cohorts.hold(owner, held) : undefined;
        const exported = toExport === undefined
          ? []
          : await exportCirce({ name, expression: toExport, sandbox, cdm, context }, run.signal);
        const text = [
          ...describeCohort({ name, ...described }),
          ...heldText(name, change),
          ...exported,
        ];
        return { kind: "text", text: text.join("\n") };
      },
    });
  },
  async data({ name, export_circe, sandbox_id: _own, ...definition }, context) {
    const { principal: { id: owner }, services, signal } = context;
    const cdm = await cdmOf(context);
    const held = asked(cdm, owner, { name, ...definition });
    const toExport = export_circe === true ? exportable(held) : undefined;
    await cdm.ready(signal);
    const { counts, notes } = await counted(cdm, held, { signal, ms: services.limits.queryMs });
    if (isNew(definition)) cdm.cohorts.hold(owner, held);
    return {
      name,
      attrition: counts.map(({ label, persons, rows }) => ({ step: label, persons, events: rows })),
      understood: meaningOf(held),
      ...(toExport === undefined
        ? {}
        : { circe: toCirce(toExport, await cdm.cohorts.named(toExport, signal)) }),
      notes,
    };
  },
});

type Definition = z.infer<typeof cohortArguments> & { readonly circe?: unknown };

/** Whether a call defines a cohort; otherwise it shows one. */
function isNew({ entry, circe }: Definition): boolean {
  return entry !== undefined || circe !== undefined;
}

/** A definition in the short form, in which circe's JSON is read. */
function shortForm({ circe, ...definition }: Definition): unknown {
  if (circe === undefined) return definition;
  const other = givenArgument(definition);
  if (other === undefined) return fromCirce(circe);
  throw new OmcpError("invalid_argument", `Cannot define the cohort: it has ${other} and circe`, {
    next: "Pass one of them.",
  });
}

/** The cohort of a call: the one that it defines, or the one that is held. */
function asked(
  { cohorts, schema }: CdmService,
  owner: string,
  { name, ...definition }: Definition & { readonly name: string },
): HeldCohort {
  if (!isNew(definition)) {
    refuseWithoutEntry(definition);
    return cohorts.get(owner, name);
  }
  const find = (other: string) => cohorts.select(owner, other, schema);
  const expression = readCohort(shortForm(definition), find, { imported: definition.circe !== undefined });
  if (eventsOf(expression).every(({ cohort }) => cohort === undefined)) return { name, expression };
  const { characters, most } = heldSize(cohortSelect(expression, schema));
  if (characters <= most) return { name, expression };
  throw new OmcpError(
    "invalid_argument",
    `Cannot define the cohort ${name}: with the cohorts in it, its SQL has ${characters} characters; at most ${most} are possible`,
    { next: "Use fewer or shorter cohorts in it." },
  );
}

function meaningOf(held: HeldCohort): readonly string[] {
  return "persons" in held ? held.persons.meaning : cohortMeaning(held.expression);
}

/** The definition of a cohort for ATLAS. */
function exportable(held: HeldCohort): CohortExpression {
  if (!("persons" in held)) {
    // Refused before it is counted and held.
    toCirce(held.expression, new Map());
    return held.expression;
  }
  throw new OmcpError(
    "invalid_argument",
    `Cannot export the cohort ${held.name} for ATLAS: it is the result of a query`,
    { next: "Define it with entry, with and without." },
  );
}

/** The attrition, what the definition means, and notes on its concepts. */
async function counted(
  { concepts, cohorts }: CdmService,
  held: HeldCohort,
  { signal, ms }: { readonly signal: AbortSignal; readonly ms: number },
): Promise<Omit<DescribedCohort, "name">> {
  const meaning = meaningOf(held);
  if ("persons" in held) return { meaning, counts: await cohorts.size(held.persons, signal, ms), notes: [] };
  const { expression } = held;
  const warnings = await comparedNotes(concepts, cohortConcepts(expression), signal);
  const counts = await cohorts.attrition(expression, signal, ms);
  const tables = [
    ...new Set(expression.entry.flatMap(({ table, cohort }) => cohort === undefined ? [table] : [])),
  ];
  const orphans = await Promise.all(tables.map((table) => concepts.orphans.note(table, WITHOUT_ORPHANS)));
  const empty = counts[0]?.rows === 0
    ? eventConcepts(expression.entry).filter(({ unwanted }) => unwanted !== true)
      .map((one) => ({ ...one, empty: true }))
    : [];
  return {
    meaning: [...meaning, ...ageNotes(expression)],
    counts,
    notes: [
      ...lintCohort(expression).map(warningLine),
      ...warnings,
      ...orphans.flat(),
      ...await comparedNotes(concepts, empty, signal),
    ],
  };
}

interface Export {
  readonly name: string;
  readonly expression: CohortExpression;
  readonly sandbox: Sandbox | undefined;
  readonly cdm: CdmService;
  readonly context: ToolContext;
}

/** The definition as circe's JSON: lines of the answer, or a file and a line about it. */
async function exportCirce(
  { name, expression, sandbox, cdm: { cohorts }, context }: Export,
  signal: AbortSignal,
): Promise<string[]> {
  const { services: { audit }, principal } = context;
  const json = toCirce(expression, await cohorts.named(expression, signal));
  const notes = allRules(expression.rules).some((rule) => rule.kind === "age" && rule.completedYears)
    ? ["ATLAS has no ages by birthday: in the JSON, they are years of entry minus years of birth."]
    : [];
  if (sandbox === undefined) return ["", ...notes, "ATLAS:", JSON.stringify(json)];
  const path = `${name}.json`;
  const bytes = Buffer.from(`${JSON.stringify(json, undefined, 2)}\n`);
  const facts = {
    principal: principal.id,
    sandbox: sandbox.id,
    tool: "define_cohort",
    source: `write ${path}`,
  };
  await auditedFileCall(
    audit,
    facts,
    () => sandbox.files.write(path, [bytes], { overwrite: true, size: bytes.length }, { signal }),
    ({ size }) => size,
  );
  return ["", ...notes, `The JSON for ATLAS is in the sandbox: ${shownPath(path)}`];
}
