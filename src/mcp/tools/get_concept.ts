import * as z from "zod";
import type { CdmConcepts, RelatedConcept, Relatives } from "../../cdm/concepts/mod.ts";
import { counted } from "../../lib/counted.ts";
import { showable } from "../../lib/text.ts";
import { conceptIdSchema } from "../../omop/concepts/mod.ts";
import { cdmOf } from "../cdm_of.ts";
import { conceptData } from "../concept_data.ts";
import { belowText, conceptLine, countNotes, kindOf, occurrencesText, usesOf } from "../concept_text.ts";
import { textResult } from "../results.ts";
import { defineTool, type Tool } from "../tool.ts";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;
/** Synonyms that are shown. */
const SYNONYMS = 20;

/** Shows a concept. */
export const tool: Tool = defineTool({
  toolset: "omop",
  define: () => ({
    name: "get_concept",
    title: "Get a concept",
    description:
      "Shows a concept of this CDM: names, domain, code, whether it is standard and valid, its records and persons, its mappings and other relationships, and its ancestors and " +
      "descendants by level. An id that the CDM lacks is an error with near matches. Needs no sandbox.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      concept_id: conceptIdSchema.describe("The concept."),
      limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe(
        "The most relatives of each kind.",
      ),
    }),
    renamed: { id: "concept_id" },
  }),
  async handle({ concept_id, limit }, context) {
    const { concepts } = await cdmOf(context);
    const found = await concepts.get(concept_id, limit, context.signal);
    return textResult(describe(found, concepts, limit).join("\n"));
  },
  async data({ concept_id, limit }, context) {
    const { concepts } = await cdmOf(context);
    const { concept, synonyms, related, details, ancestors, descendants } = await concepts.get(
      concept_id,
      limit,
      context.signal,
    );
    return {
      ...conceptData(concept, concepts),
      used_in: usesOf(concepts, concept_id),
      below: details.below.get(concept_id)?.records ?? 0,
      synonyms,
      relationships: related.map(([other, relationship]) => ({
        ...conceptData(other, concepts),
        relationship,
      })),
      ancestors: relativesData(ancestors, concepts),
      descendants: relativesData(descendants, concepts),
      notes: countNotes(concepts),
    };
  },
});

/** Relatives in one direction as JSON; null if the CDM has no `concept_ancestor`. */
function relativesData(relatives: Relatives | undefined, concepts: CdmConcepts) {
  return relatives === undefined ? null : {
    levels: relatives.levels,
    nearest: relatives.nearest.map(([concept, level]) => ({ ...conceptData(concept, concepts), level })),
  };
}

function describe(found: RelatedConcept, concepts: CdmConcepts, limit: number): readonly string[] {
  const { concept, synonyms, related, details } = found;
  const { concept_id: id, concept_class_id, domain_id, vocabulary_id, concept_code } = concept;
  const line = (other: RelatedConcept["concept"], before: string): string =>
    `${before} | ${conceptLine(other)} | ${occurrencesText(concepts, other.concept_id)}`;
  return [
    showable(`${id} ${concept.concept_name}`),
    `${domain_id}, ${vocabulary_id} ${concept_code}, ${concept_class_id}, ${kindOf(concept)}`,
    `In this CDM: ${occurrencesText(concepts, id)}${belowText(details, id)}`,
    ...countNotes(concepts),
    ...(synonyms.length === 0 ? [] : [
      showable(
        `Also: ${synonyms.slice(0, SYNONYMS).join("; ")}${
          synonyms.length > SYNONYMS ? ` and ${synonyms.length - SYNONYMS} more` : ""
        }`,
      ),
    ]),
    "",
    ...(related.length === 0
      ? ["No mapping or other relationship with a concept of this CDM."]
      : ["Relationships:", ...related.map(([other, relationship]) => line(other, relationship))]),
    ...(related.length === limit ? [`[the first ${limit}; there may be more: raise limit]`] : []),
    ...relativeLines("Ancestors", found.ancestors, line),
    ...relativeLines("Descendants", found.descendants, line),
  ];
}

function relativeLines(
  what: string,
  relatives: Relatives | undefined,
  line: (concept: RelatedConcept["concept"], before: string) => string,
): readonly string[] {
  if (relatives === undefined) return ["", `${what}: this CDM has no concept_ancestor table.`];
  const { levels, nearest } = relatives;
  const total = levels.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return ["", `${what}: none.`];
  const missing = levels.reduce((sum, each) => sum + each.missing, 0);
  const present = total - missing;
  return [
    "",
    `${what}: ${total.toLocaleString("en")}, by level ${
      levels.map((level) => `${level.levels}: ${level.count.toLocaleString("en")}`).join(", ")
    }${missing === 0 ? "" : `; this CDM's concept table lacks ${missing.toLocaleString("en")} of them`}`,
    ...nearest.map(([concept, level]) => line(concept, `level ${level}`)),
    ...(nearest.length < present
      ? [`… ${counted(present - nearest.length, "more concept")}: raise limit`]
      : []),
  ];
}
