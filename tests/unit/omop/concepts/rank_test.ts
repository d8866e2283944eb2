import assert from "node:assert/strict";
import { type Candidate, type Concept, rankHits, wordsOf } from "../../../../src/omop/concepts/mod.ts";
import { concept } from "../../../fixtures/concept.ts";

function candidate(fields: Partial<Concept>, synonyms: readonly string[] = [], records = 0): Candidate {
  return { concept: concept({ concept_code: `code ${fields.concept_id}`, ...fields }), synonyms, records };
}

function ranked(text: string, candidates: readonly Candidate[]): readonly string[] {
  const hits = rankHits({ text, words: wordsOf(text).map((word) => [word]) }, candidates);
  return hits.map(({ concept, match }) => `${concept.concept_id} ${match}`);
}

Deno.test("hits are ordered: code, name, synonym, prefix, words in any order", () => {
  const candidates = [
    candidate({ concept_id: 5, concept_name: "Failure of the heart" }, [], 900),
    candidate({ concept_id: 4, concept_name: "Heart failure, acute" }, [], 800),
    candidate({ concept_id: 3, concept_name: "Cardiac insufficiency" }, ["Heart failure"]),
    candidate({ concept_id: 2, concept_name: "HEART FAILURE" }),
    candidate({ concept_id: 1, concept_name: "Something", concept_code: "heart-failure" }),
  ];
  assert.deepEqual(ranked("heart failure", candidates), [
    "1 code",
    "2 name",
    "3 synonym",
    "4 prefix",
    "5 words",
  ]);
});

Deno.test("of equal matches, standard ones come first, then those with more records, then shorter names; invalid ones last", () => {
  const candidates = [
    candidate({ concept_id: 5, concept_name: "Asthma e", invalid_reason: "D" }, [], 999),
    candidate({ concept_id: 4, concept_name: "Asthma d", standard_concept: null }, [], 999),
    candidate({ concept_id: 3, concept_name: "Asthma with something" }),
    candidate({ concept_id: 2, concept_name: "Asthma b" }),
    candidate({ concept_id: 1, concept_name: "Asthma that is longest" }, [], 3),
  ];
  assert.deepEqual(ranked("asthma", candidates).map((line) => Number(line.split(" ")[0])), [1, 2, 3, 4, 5]);
});

Deno.test("the last word of a query may be the beginning of a word", () => {
  assert.deepEqual(ranked("chronic sinu", [candidate({ concept_name: "Sinusitis, chronic" })]), ["1 words"]);
});

Deno.test("a hit by a similar word is similar, and the one with the fewest other words comes first", () => {
  const hits = rankHits({ text: "astma", words: [["astma", "asthma"]] }, [
    candidate({ concept_id: 1, concept_name: "Exercise-induced asthma" }, [], 50),
    candidate({ concept_id: 2, concept_name: "Asthma" }),
  ]);
  assert.deepEqual(hits.map(({ concept, match }) => [concept.concept_id, match]), [[2, "similar"], [
    1,
    "similar",
  ]]);
});
