import assert from "node:assert/strict";
import { WordIndex } from "../../../../../src/cdm/concepts/index/word_index.ts";
import { OmcpError } from "../../../../../src/errors.ts";
import {
  codeMark,
  facetMarks,
  indexedText,
  lengthMark,
  wordsOf,
} from "../../../../../src/omop/concepts/mod.ts";
import { concept } from "../../../../fixtures/concept.ts";

/** Three concepts, the most important first. */
async function add(index: WordIndex): Promise<void> {
  const names = ["Myocardial infarction", "Infarction of the brain", "Migraine"];
  for (const [at, concept_name] of names.entries()) {
    const fields = { concept_id: 10 + at, concept_name, concept_code: `I2${at}.9` };
    await index.add(10 + at, indexedText(concept(fields), at === 0 ? ["Heart attack"] : []));
  }
  await index.flush();
}

async function filled(): Promise<WordIndex> {
  const index = new WordIndex();
  await add(index);
  await index.finish();
  return index;
}

Deno.test("an index finds concepts by words, synonyms, beginnings, codes and facets, in the order of importance", async () => {
  const index = await filled();
  assert.deepEqual(await index.find([["infarction"]], { limit: 9 }), [10, 11]);
  assert.deepEqual(await index.find([["infarction"]], { limit: 1 }), [10]);
  assert.deepEqual(await index.find([["attack"], ["heart"]], { limit: 9 }), [10]);
  assert.deepEqual(await index.find([["brain"]], { prefix: "infar", limit: 9 }), [11]);
  assert.deepEqual(await index.find([["nothing", "migraine"]], { limit: 9 }), [12]);
  assert.deepEqual(await index.find([[codeMark("i21.9")]], { limit: 9 }), [11]);
  assert.deepEqual(await index.find([], { prefix: codeMark("I2"), limit: 9 }), [10, 11, 12]);
  assert.deepEqual(await index.find([["infarction"]], { prefix: codeMark("I2"), limit: 9 }), [10, 11]);
  assert.deepEqual(await index.find([], { limit: 9 }), []);
  const facets = facetMarks({ domain: "condition", vocabulary: "SNOMED", standard: true });
  assert.deepEqual(await index.find(facets.map((mark) => [mark]), { limit: 9 }), [10, 11, 12]);
  assert.deepEqual(await index.find([facetMarks({ domain: "Drug", standard: false })], { limit: 9 }), []);
  index.close();
});

Deno.test("an index finds the most frequent of many words that begin alike", async () => {
  const index = new WordIndex();
  // 60 words that begin alike: each in one concept, the first 30 in two.
  for (let at = 0; at < 90; at += 1) await index.add(at, `common word${String(at % 60).padStart(2, "0")}`);
  for (let at = 90; at < 2_000; at += 1) await index.add(at, `common other${at}`);
  await index.finish();
  assert.equal(index.size, 2_000);
  assert.deepEqual(await index.find([["common"]], { limit: 3 }), [0, 1, 2]);
  assert.deepEqual(await index.find([["common"], ["other1999"]], { limit: 3 }), [1_999]);
  // A word of its own and 40 others: the 30 in two concepts first.
  const found = await index.find([["common"]], { prefix: "word", limit: 200 });
  assert.equal(found.length, 30 * 2 + 10);
  assert.ok(Array.from({ length: 30 }, (_, at) => 60 + at).every((id) => found.includes(id)));
  assert.deepEqual(await index.find([["common"]], { prefix: "word59", limit: 9 }), [59]);
  index.close();
});

Deno.test("an index knows words that are one change or two away, and no marks", async () => {
  const index = await filled();
  const similar = async (word: string) => (await index.misspelt([word])).get(word);
  assert.deepEqual(await similar("migrane"), ["migraine"]);
  assert.deepEqual(await similar("imgraine"), ["migraine"]);
  assert.deepEqual(await similar("migrein"), ["migraine"]);
  assert.deepEqual(await similar("mirain"), ["migraine"]);
  assert.deepEqual(await similar("miran"), []);
  assert.deepEqual(await similar("xyzzyq"), []);
  assert.deepEqual(await similar("ox"), []);
  assert.deepEqual(await similar(codeMark("I20.9")), []);
  // A word that the names have, and the beginning of one where it is the last.
  assert.equal((await index.misspelt(["infarction", "myo"])).size, 0);
  assert.deepEqual([...(await index.misspelt(["myo", "infarction"])).keys()], ["myo"]);
  index.close();
});

Deno.test("a misspelt word is compared with words of nearly its length, however many others begin alike", async () => {
  const index = new WordIndex();
  // More longer words than are compared, all of them before the one that is meant.
  await index.add(
    1,
    Array.from({ length: 50_001 }, (_, at) => `mi${String(at).padStart(10, "0")}`).join(" "),
  );
  await index.add(2, "migraine");
  await index.finish();
  assert.deepEqual((await index.misspelt(["migrein"])).get("migrein"), ["migraine"]);
  index.close();
});

Deno.test("words of a caller find no marks, and words that look like marks find only names that have them", async () => {
  const index = new WordIndex();
  const marks = [...facetMarks({ domain: "Condition", standard: true }), codeMark("I20.9"), lengthMark(2)];
  await add(index);
  // What callers can send of the marks is what the names have.
  const names = marks.flatMap(wordsOf).join(" ");
  await index.add(20, indexedText(concept({ concept_id: 20, concept_name: names }), []));
  await index.finish();
  for (const mark of marks) {
    assert.ok((await index.find([[mark]], { limit: 9 })).includes(10), mark);
    for (const word of wordsOf(mark)) assert.deepEqual(await index.find([[word]], { limit: 9 }), [20], word);
    for (const prefix of wordsOf(mark)) assert.deepEqual(await index.find([], { prefix, limit: 9 }), [20]);
  }
  index.close();
});

Deno.test("an index that is being filled finds what it has", async () => {
  const index = new WordIndex();
  await add(index);
  assert.deepEqual(await index.find([["infarction"]], { limit: 9 }), [10, 11]);
  await index.add(13, "brain infarction zeta");
  await index.flush();
  assert.deepEqual(await index.find([["infarction"], ["zeta"]], { limit: 9 }), [13]);
  index.close();
});

Deno.test("an index does no work in the thread of its caller: timers run while it is filled and searched", async () => {
  const index = new WordIndex();
  const text = Array.from({ length: 100_000 }, (_, at) => `word${at}`).join(" ");
  for (let at = 0; at < 10; at += 1) void index.add(at, text);
  const order: string[] = [];
  const filling = index.flush().then(() => index.find([["word99999"]], { limit: 99 })).then((found) => {
    order.push("found");
    return found;
  });
  setTimeout(() => order.push("timer"), 0);
  assert.equal((await filling).length, 10);
  assert.deepEqual(order, ["timer", "found"]);
  index.close();
});

Deno.test("an index whose worker fails ends: what waits and every further call throws, and the process goes on", async () => {
  const index = await filled();
  const broken = (error: unknown) => error instanceof OmcpError && error.code === "internal";
  const waiting = [index.find([['"']], { limit: 9 }), index.find([["infarction"]], { limit: 9 })];
  const [first, second] = await Promise.allSettled(waiting);
  assert.ok(first?.status === "rejected" && broken(first.reason));
  assert.ok(second?.status === "rejected" && broken(second.reason));
  assert.ok(index.ended);
  await assert.rejects(index.find([["infarction"]], { limit: 9 }), broken);
  await assert.rejects(index.finish(), broken);
});

Deno.test("an index whose worker is late, or that is closed, ends", async () => {
  let expire = () => {};
  const late = new WordIndex((onExpired) => {
    expire = onExpired;
    return { [Symbol.dispose]() {} };
  });
  const unanswered = late.find([["infarction"]], { limit: 9 });
  expire();
  await assert.rejects(unanswered, /one call took more than 60 s/);
  assert.ok(late.ended);
  const closed = await filled();
  const waiting = closed.find([["infarction"]], { limit: 9 });
  closed.close();
  closed.close();
  await assert.rejects(waiting, /it was closed/);
});

Deno.test("only the call that the worker does has a deadline: calls that wait for it do not, and none is left", async () => {
  let [begun, running, most] = [0, 0, 0];
  const index = new WordIndex(() => {
    [begun, running] = [begun + 1, running + 1];
    most = Math.max(most, running);
    return { [Symbol.dispose]: () => void (running -= 1) };
  });
  await Promise.all(Array.from({ length: 12 }, () => index.find([["infarction"]], { limit: 9 })));
  // The first call starts the worker.
  assert.deepEqual({ begun, running, most }, { begun: 13, running: 0, most: 1 });
  const waiting = Array.from({ length: 3 }, () => index.find([["infarction"]], { limit: 9 }));
  index.close();
  assert.ok((await Promise.allSettled(waiting)).every(({ status }) => status === "rejected"));
  assert.equal(running, 0);
});
