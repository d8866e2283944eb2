import * as z from "zod";
import type { CdmConcepts, ExpandedSet } from "../../cdm/concepts/mod.ts";
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";
import { parsedJson } from "../../lib/parsed_json.ts";
import {
  atlasSchema,
  type ConceptSet,
  conceptSetSchema,
  fromAtlas,
  ONLY_EXCLUDES,
  onlyExcludes,
  toAtlas,
} from "../../omop/concepts/mod.ts";
import { cdmOf } from "../cdm_of.ts";
import { conceptData } from "../concept_data.ts";
import { conceptLine, countNotes, kindOf, occurrencesText } from "../concept_text.ts";
import { textResult } from "../results.ts";
import { defineTool, type Tool } from "../tool.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
/** Kinds of members that a result names. */
const MOST_KINDS = 20;

/** Lists what is in a concept set. */
export const tool: Tool = defineTool({
  toolset: "omop",
  define: () => ({
    name: "expand_concept_set",
    title: "Expand a concept set",
    description:
      "Resolves a concept set against this CDM's vocabulary, as ATLAS does: the concepts, with their descendants and mapped source concepts where " +
      "asked for, without what is excluded. Returns totals, warnings, a hash and the members, those with records first. Needs no sandbox.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      items: conceptSetSchema.shape.items.optional().describe("The set. Or pass atlas."),
      atlas: z.union([z.string().max(1_000_000), z.record(z.string(), z.unknown())]).optional().describe(
        "In place of items: a concept set as ATLAS exports it, JSON.",
      ),
      limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe("The most members to list."),
      export_atlas: z.boolean().optional().describe(
        "Also return the set as JSON that ATLAS imports. Default: false.",
      ),
    }),
  }),
  async handle({ items, atlas, limit, export_atlas }, context) {
    const set = readSet(items, atlas);
    const { concepts } = await cdmOf(context);
    const expanded = await concepts.expand(set, limit, context.signal);
    const lines = describe(set, expanded, concepts);
    if (export_atlas === true) lines.push("", "ATLAS:", JSON.stringify(toAtlas(set, expanded.named)));
    return textResult(lines.join("\n"));
  },
  async data({ items, atlas, limit, export_atlas }, context) {
    const set = readSet(items, atlas);
    const { concepts } = await cdmOf(context);
    const expanded = await concepts.expand(set, limit, context.signal);
    const { hash, fingerprint = null, totals, members, named } = expanded;
    return {
      hash,
      fingerprint,
      total: totals.reduce((sum, each) => sum + each.members, 0),
      totals,
      members: members.map(([id, concept]) =>
        concept === undefined ? { concept_id: id } : conceptData(concept, concepts)
      ),
      ...(export_atlas === true ? { atlas: toAtlas(set, named) } : {}),
      notes: [...warnings(set, expanded, concepts), ...countNotes(concepts)],
    };
  },
});

function readSet(items: ConceptSet["items"] | undefined, atlas: unknown): ConceptSet {
  if ((items === undefined) === (atlas === undefined)) {
    throw new OmcpError("invalid_argument", "Pass either items or atlas", {
      next: 'Pass items such as [{"concept_id": 201826, "include_descendants": true}].',
    });
  }
  if (items !== undefined) return { items };
  const parsed = atlasSchema.safeParse(typeof atlas === "string" ? parsedJson(atlas) : atlas);
  if (parsed.success) return fromAtlas(parsed.data);
  throw new OmcpError("invalid_argument", "Cannot read atlas: it is not the JSON of a concept set", {
    next:
      'Pass what ATLAS exports: {"items": [{"concept": {"CONCEPT_ID": 201826}, "includeDescendants": true}]}.',
  });
}

function describe(set: ConceptSet, expanded: ExpandedSet, concepts: CdmConcepts): string[] {
  const total = expanded.totals.reduce((sum, { members }) => sum + members, 0);
  const kinds = expanded.totals.slice(0, MOST_KINDS).map(({ domain, standard, invalid, members }) =>
    domain === null
      ? `${counted(members, "mapped source concept")} that this CDM's concept table lacks`
      : `${members.toLocaleString("en")} ${domain}, ${
        kindOf({ standard_concept: standard, invalid_reason: invalid ? "D" : null })
      }`
  );
  if (expanded.totals.length > kinds.length) {
    kinds.push(`and ${counted(expanded.totals.length - kinds.length, "more kind")}`);
  }
  const used = expanded.members.filter(([id]) => concepts.usage.of(id).length > 0).length;
  const rest = total - expanded.members.length;
  return [
    `${counted(total, "concept")}${kinds.length === 0 ? "" : `: ${kinds.join("; ")}`}`,
    `Definition ${expanded.hash}, members ${expanded.fingerprint ?? "none"}`,
    ...warnings(set, expanded, concepts),
    ...countNotes(concepts),
    "",
    "concept_id | name | domain | code | class | standard | in this CDM",
    ...expanded.members.map(([id, concept]) =>
      `${concept === undefined ? `${id} | (not in concept)` : conceptLine(concept)} | ${
        occurrencesText(concepts, id)
      }`
    ),
    ...(rest > 0
      ? [`… ${counted(rest, "more concept")}, those with records first: raise limit, at most ${MAX_LIMIT}`]
      : []),
    ...(used === 0 && total > 0 && concepts.usage.knowsAll
      ? ["None of the listed concepts occurs in this CDM's records."]
      : []),
  ];
}

/** Concepts that a set names and that rarely are what is meant. */
function warnings(set: ConceptSet, { named }: ExpandedSet, { usage }: CdmConcepts): readonly string[] {
  const found = onlyExcludes(set) ? [`Warning: It ${ONLY_EXCLUDES}.`] : [];
  for (const { concept_id, include_descendants, include_mapped, exclude } of set.items) {
    const concept = named.get(concept_id);
    if (concept === undefined || exclude === true) continue;
    const name = `${concept_id} ${concept.concept_name}`;
    if (concept.invalid_reason !== null) {
      found.push(`Warning: ${name} is invalid (${concept.invalid_reason}).`);
    }
    if (concept.standard_concept === null) {
      found.push(
        `Warning: ${name} is not standard: standard columns do not hold it. search_concepts and get_concept show what it maps to.`,
      );
    } else if (
      usage.knowsAll && include_descendants !== true && include_mapped !== true &&
      usage.of(concept_id).length === 0
    ) {
      found.push(`Warning: ${name} has no records itself: set include_descendants to include its kinds.`);
    }
  }
  return found;
}
