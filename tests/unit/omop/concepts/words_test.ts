import assert from "node:assert/strict";
import {
  codeMark,
  facetMarks,
  indexedText,
  lengthMark,
  MARK,
  nearIds,
  variantsOf,
  wordsOf,
} from "../../../../src/omop/concepts/mod.ts";
import { concept } from "../../../fixtures/concept.ts";

Deno.test("words are lower case, without accents and punctuation", () => {
  assert.deepEqual(wordsOf("24 HR Métformine 5 MG/ML [Stagid®]"), [
    "24",
    "hr",
    "metformine",
    "5",
    "mg",
    "ml",
    "stagid",
  ]);
  assert.deepEqual(wordsOf('" OR * - ('), ["or"]);
});

Deno.test("a code is found with and without its point, and in any case", () => {
  assert.equal(codeMark("k922"), codeMark("K92.2"));
  assert.notEqual(codeMark("K92.2"), codeMark("K92.1"));
});

Deno.test("a concept's index text has its words, and marks for code, length of each name and facets", () => {
  const entries = indexedText(concept({ concept_name: "Heart failure" }), ["Cardiac failure, NOS"]).split(
    " ",
  );
  for (const word of ["heart", "failure", "cardiac", "nos"]) assert.ok(entries.includes(word), word);
  assert.ok(entries.includes(lengthMark(2)) && entries.includes(lengthMark(3)));
  assert.equal(new Set(entries).size, entries.length);
  assert.equal(entries.filter((entry) => entry.startsWith(MARK)).length, 7);
});

Deno.test("no text has a mark among its words, not even the mark itself", () => {
  const facets = { domain: "Drug", vocabulary: "SNOMED", concept_class: "Clinical Finding", standard: true };
  const marks = [...facetMarks(facets), codeMark("K92.2"), lengthMark(2)];
  for (const mark of marks) assert.ok(mark.startsWith(MARK), mark);
  for (const text of [...marks, marks.join(""), `É${marks.join("É")}`]) {
    const words = [...wordsOf(text), ...wordsOf(text).flatMap((word) => variantsOf(word))];
    assert.deepEqual(words.filter((word) => word.includes(MARK)), [], text);
  }
});

Deno.test("variants are one change away, swapped neighbours too", () => {
  const variants = new Set(variantsOf("astma"));
  for (const near of ["asthma", "atsma", "asta", "asama"]) assert.ok(variants.has(near), near);
  assert.ok(!variants.has("astma") && !variants.has(""));
});

Deno.test("near ids are one digit away, swapped neighbours too, and short ids have none", () => {
  const near = new Set(nearIds(201862));
  for (const id of [201826, 201863, 20182, 2018620, 21862]) assert.ok(near.has(id), String(id));
  assert.ok(!near.has(201862));
  for (const short of [1, 123, 8507, 32817]) assert.deepEqual(nearIds(short), [], String(short));
});
