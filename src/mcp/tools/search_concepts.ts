import * as z from "zod";
import type {
  CdmConcepts,
  ConceptDetails,
  NearCodes,
  SearchResult,
  UnknownFacet,
} from "../../cdm/concepts/mod.ts";
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";
import type { Hit } from "../../omop/concepts/mod.ts";
import { cdmOf } from "../cdm_of.ts";
import {
  belowText,
  conceptLine,
  countNotes,
  descendantsText,
  occurrencesText,
  scopeNotes,
} from "../concept_text.ts";
import { textResult } from "../results.ts";
import { conceptData, descendantsData } from "../concept_data.ts";
import { defineTool, type Tool, type ToolContext, type ToolData } from "../tool.ts";

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 50;
/** Non-standard hits that are shown beside standard ones. */
const OTHERS = 5;
/** Mappings that are shown of one hit. */
const TARGETS = 3;
/** Vocabularies, or classes, that an answer without a hit names. There are some fifty domains, which are all named. */
const NAMES = 20;
const PLURAL = { domain: "Domains", vocabulary: "Vocabularies", concept_class: "Classes" } as const;

const facet = z.string().min(1).max(50).optional();

/** Finds concepts. */
export const tool: Tool = defineTool({
  toolset: "omop",
  define: () => ({
    name: "search_concepts",
    title: "Search concepts",
    description:
      "Finds concepts of this CDM's vocabulary by name, synonym, words in any order or code, misspelt words too: each with its descendants and its records and persons in " +
      "this CDM. Non-standard hits come with the standard concept that they map to. Begin here: never guess a concept id. Needs no sandbox.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      text: z.string().min(1).max(200).optional().describe('Words of a name, such as "heart attack".'),
      code: z.string().min(1).max(50).optional().describe(
        "In place of text: a source code, such as K92.2; with or without its point.",
      ),
      domain: facet.describe("Only this domain, such as Condition, Drug, Measurement."),
      vocabulary: facet.describe("Only this vocabulary, such as SNOMED, RxNorm, ICD10CM."),
      concept_class: facet.describe("Only this class, such as Ingredient."),
      standard_only: z.boolean().default(true).describe(
        "Rank standard concepts only; others with just that name or code are listed below them.",
      ),
      limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe("The most hits."),
    }),
    renamed: {
      query: "text",
      domain_id: "domain",
      vocabulary_id: "vocabulary",
      concept_class_id: "concept_class",
    },
  }),
  async handle(input, context) {
    return textResult(describe(await find(input, context)).join("\n"));
  },
  async data(input, context) {
    return found(await find(input, context));
  },
});

interface Wanted {
  readonly text?: string | undefined;
  readonly code?: string | undefined;
  readonly domain?: string | undefined;
  readonly vocabulary?: string | undefined;
  readonly concept_class?: string | undefined;
  readonly standard_only: boolean;
  readonly limit: number;
}

async function find(
  { text, code, domain, vocabulary, concept_class, standard_only, limit }: Wanted,
  context: ToolContext,
): Promise<Shown> {
  if ((text === undefined) === (code === undefined)) {
    throw new OmcpError("invalid_argument", "Pass either text or code", {
      next: 'Pass text such as "type 2 diabetes", or code such as "E11.9".',
    });
  }
  const { concepts } = await cdmOf(context);
  const facets = { domain, vocabulary, concept_class, standard: standard_only && code === undefined };
  const request = { text: text ?? code ?? "", code: code !== undefined, facets };
  const result = await concepts.search(request, context.signal);
  const [first, others] = split(result.hits, { standardOnly: standard_only, limit });
  const details = await concepts.details(
    [...first, ...others].map(({ concept }) => concept),
    context.signal,
  );
  const near = code !== undefined && result.hits.length === 0
    ? await concepts.nearCodes(code, context.signal)
    : undefined;
  return { text: request.text, result, first, others, details, concepts, near };
}

/** The ranked hits, and the non-standard ones beside them. */
function split(
  hits: readonly Hit[],
  { standardOnly, limit }: { readonly standardOnly: boolean; readonly limit: number },
): readonly [readonly Hit[], readonly Hit[]] {
  if (!standardOnly) return [hits.slice(0, limit), []];
  const standard = hits.filter(({ concept }) => concept.standard_concept === "S");
  const others = hits.filter(({ concept }) => concept.standard_concept !== "S");
  return [standard.slice(0, limit), others.slice(0, standard.length === 0 ? limit : OTHERS)];
}

interface Shown {
  readonly text: string;
  readonly result: SearchResult;
  readonly first: readonly Hit[];
  readonly others: readonly Hit[];
  readonly details: ConceptDetails;
  readonly concepts: CdmConcepts;
  /** Codes like the one that was asked for, if that has no hit. */
  readonly near: NearCodes | undefined;
}

function describe({ text, result, first, others, details, concepts, near }: Shown): readonly string[] {
  const shown = first.length + others.length;
  const total = `${result.more ? "more than " : ""}${counted(result.hits.length, "hit")}`;
  const lines = [
    shown === 0
      ? `No concept ${near === undefined ? "matches" : "has the code"} ${JSON.stringify(text)}.`
      : `${total} for ${JSON.stringify(text)}${shown < result.hits.length ? `, ${shown} shown` : ""}:`,
    ...searchNotes(result),
    ...scopeNotes(result, concepts),
    ...countNotes(concepts),
  ];
  if (first.length > 0) {
    lines.push(HEADER, ...first.map((hit) => hitLine(hit, details, concepts)));
  }
  if (others.length > 0) {
    lines.push(
      "",
      "Not standard; query the standard concept that each maps to:",
      ...(first.length > 0 ? [] : [HEADER]),
      ...others.map((hit) => hitLine(hit, details, concepts)),
    );
  }
  lines.push("", ...(near === undefined ? [shown === 0 ? NOTHING : NEXT] : codeAdvice(near)));
  return lines;
}

/** The hits of {@link describe} as JSON. */
function found({ result, first, others, details, concepts, near }: Shown): ToolData {
  return {
    hits: [...first, ...others].map(({ concept, match, by }) => ({
      ...conceptData(concept, concepts),
      match,
      matched: by ?? null,
      descendants: descendantsData(details, concept.concept_id),
      maps_to: (details.mapsTo.get(concept.concept_id) ?? []).map((target) => conceptData(target, concepts)),
    })),
    near: near?.concepts.map((concept) => conceptData(concept, concepts)) ?? [],
    total: result.hits.length,
    more: result.more,
    notes: [...searchNotes(result), ...scopeNotes(result, concepts), ...countNotes(concepts)],
  };
}

/** What to try after a code without a hit. */
function codeAdvice({ concepts, vocabularies }: NearCodes): readonly string[] {
  return [
    ...(concepts.length === 0 ? [] : ["Codes like it, in any vocabulary:", ...concepts.map(conceptLine), ""]),
    ...(vocabularies.length === 0 ? [] : [namesText("vocabulary", vocabularies)]),
    "Next: correct the code, drop domain, vocabulary and concept_class, or search the code's meaning by text.",
  ];
}

function namesText(facet: UnknownFacet["facet"], names: readonly string[]): string {
  const most = facet === "domain" ? names.length : NAMES;
  const further = names.length > most ? ` and ${names.length - most} more` : "";
  return `${PLURAL[facet]} of this CDM's concepts: ${names.slice(0, most).join(", ")}${further}.`;
}

function unknownText({ facet, value, near, names }: UnknownFacet): string {
  const meant = near.length === 0 ? "" : ` Similar: ${near.join(", ")}.`;
  return `No concept has the ${facet} ${JSON.stringify(value)}.${meant} ${namesText(facet, names)}`;
}

/** What was searched for in place of the text, and what no concept has. */
function searchNotes({ hits, replaced, unknown }: SearchResult): readonly string[] {
  return [
    ...unknown.map(unknownText),
    ...[...replaced].map(([word, similar]) =>
      `No concept has the word "${word}": taken as ${similar.join(", ")}.`
    ),
    ...(hits.length > 0 && hits.every(({ match }) => match === "some words")
      ? ["No concept has all the words: these are probably other concepts."]
      : []),
  ];
}

const HEADER = "concept_id | name | domain | code | class | standard | match | descendants | in this CDM";
const NEXT =
  "Next: expand_concept_set with include_descendants shows what a concept brings along; filter with its members, not with the concept alone, unless it has no descendants.";
const NOTHING =
  "Next: try other words, fewer words, or standard_only false; drop domain, vocabulary and concept_class.";

function hitLine(hit: Hit, details: ConceptDetails, concepts: CdmConcepts): string {
  const { concept, match, by } = hit;
  const id = concept.concept_id;
  const targets = details.mapsTo.get(id) ?? [];
  const mapped = targets.slice(0, TARGETS).map((target) =>
    `→ Maps to ${target.concept_id} ${target.concept_name} (${target.domain_id}, ${
      occurrencesText(concepts, target.concept_id)
    })`
  );
  if (targets.length > TARGETS) mapped.push(`and ${targets.length - TARGETS} more: get_concept lists them`);
  if (concept.standard_concept === null && targets.length === 0) mapped.push("→ maps to nothing in this CDM");
  return [
    conceptLine(concept),
    by === undefined ? match : `${match} "${by}"`,
    descendantsText(details, id),
    occurrencesText(concepts, id) + belowText(details, id),
    ...mapped,
  ].join(" | ");
}
