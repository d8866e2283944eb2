import assert from "node:assert/strict";
import { WordIndex } from "../../../../src/cdm/concepts/word_index.ts";
import { codeMark, facetMarks, indexedText } from "../../../../src/omop/concepts/mod.ts";
import { concept } from "../../../fixtures/concept.ts";

/** Three concepts, the most important first. */
async function filled(): Promise<WordIndex> {
  const index = new WordIndex();
  const names = ["Myocardial infarction", "Infarction of the brain", "Migraine"];
  for (const [at, concept_name] of names.entries()) {
    const fields = { concept_id: 10 + at, concept_name, concept_code: `I2${at}.9` };
    index.add(10 + at, indexedText(concept(fields), at === 0 ? ["Heart attack"] : []));
  }
  await index.finish(() => Promise.resolve());
  return index;
}

Deno.test("an index finds concepts by words, synonyms, beginnings, codes and facets, in the order of importance", async () => {
  const index = await filled();
  assert.deepEqual(index.find([["infarction"]], { limit: 9 }), [10, 11]);
  assert.deepEqual(index.find([["infarction"]], { limit: 1 }), [10]);
  assert.deepEqual(index.find([["attack"], ["heart"]], { limit: 9 }), [10]);
  assert.deepEqual(index.find([["brain"]], { prefix: "infar", limit: 9 }), [11]);
  assert.deepEqual(index.find([["nothing", "migraine"]], { limit: 9 }), [12]);
  assert.deepEqual(index.find([[codeMark("i21.9")]], { limit: 9 }), [11]);
  assert.deepEqual(index.find([], { prefix: codeMark("I2"), limit: 9 }), [10, 11, 12]);
  assert.deepEqual(index.find([["infarction"]], { prefix: codeMark("I2"), limit: 9 }), [10, 11]);
  assert.deepEqual(index.find([], { limit: 9 }), []);
  const facets = facetMarks({ domain: "condition", vocabulary: "SNOMED", standard: true });
  assert.deepEqual(index.find(facets.map((mark) => [mark]), { limit: 9 }), [10, 11, 12]);
  assert.deepEqual(index.find([facetMarks({ domain: "Drug", standard: false })], { limit: 9 }), []);
  index.close();
});

Deno.test("an index of several segments is merged into one, and finds the most frequent of many words that begin alike", async () => {
  const index = new WordIndex();
  // 60 words that begin alike: each in one concept, the first 30 in two.
  for (let at = 0; at < 90; at += 1) index.add(at, `common word${String(at % 60).padStart(2, "0")}`);
  const size = 60_000;
  for (let at = 90; at < size; at += 1) index.add(at, `common other${at}`);
  let steps = 0;
  await index.finish(() => {
    steps += 1;
    return Promise.resolve();
  });
  assert.ok(steps > size / 1_000, `${steps} steps`);
  assert.deepEqual(index.find([["common"]], { limit: 3 }), [0, 1, 2]);
  assert.deepEqual(index.find([["common"], ["other59999"]], { limit: 3 }), [59_999]);
  // A word of its own and 40 others: the 30 in two concepts first.
  const found = index.find([["common"]], { prefix: "word", limit: 200 });
  assert.equal(found.length, 30 * 2 + 10);
  assert.ok(Array.from({ length: 30 }, (_, at) => 60 + at).every((id) => found.includes(id)));
  assert.deepEqual(index.find([["common"]], { prefix: "word59", limit: 9 }), [59]);
  index.close();
});

Deno.test("an index knows words that are one change or two away, and no marks", async () => {
  const index = await filled();
  assert.deepEqual(index.similar("migrane"), ["migraine"]);
  assert.deepEqual(index.similar("imgraine"), ["migraine"]);
  assert.deepEqual(index.similar("migrein"), ["migraine"]);
  assert.deepEqual(index.similar("xyzzyq"), []);
  assert.equal(index.frequency("infarction"), 2);
  assert.equal(index.frequency(codeMark("I20.9")), 0);
  assert.ok(index.hasPrefix("myo") && !index.hasPrefix("zz"));
  index.close();
});
