/** Calls that end between two steps: whatever is asked next gets the decision that it would have got without them. */
import assert from "node:assert/strict";
import type { Counted, Decided } from "../../../../src/cdm/disclosure/decision.ts";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { attribute, endedAfter, finished, People, randomNumbers } from "./people.ts";

const SIZE = 1_000;

/** The unions of three sets. Nobody is in all three, so that the number of one union follows from those of the other six. */
function unions(people: People, random: () => number): readonly Counted[] {
  const place = Array.from({ length: SIZE }, () => Math.floor(random() * 7));
  return Array.from(
    { length: 7 },
    (_, at) => people.count((person) => ((place[person] ?? 0) & (at + 1)) > 0),
  );
}

/**
 * Ends a question at each of its pauses, each time with a ledger of its own, and then asks it and another one.
 *
 * @param answered How many answers the ledger has.
 * @param isRead Whether the ledger was read from its store, so that the question is its first.
 * @param most Of how many pauses.
 */
function endEverywhere(answered: number, isRead: boolean, most = Infinity): void {
  const random = randomNumbers(answered);
  const people = new People(SIZE, random);
  const all = people.count(() => true);
  const [last, ...six] = unions(people, random).toReversed();
  assert.ok(last !== undefined);
  const others = Array.from(
    { length: answered - six.length - 2 },
    () => people.count(attribute(random, 0.5)),
  );
  const earlier = [...others, ...six].map(({ value, sketch }): Decided => ({
    sketch,
    decision: { kind: "answer", answer: value, derived: false },
  }));
  const [first, next] = [people.count(attribute(random, 0.5)), people.count(attribute(random, 0.5))];
  const decisions = (pauses: number) => {
    const ledger = new Ledger(PRESETS.cms, all, randomNumbers(1), earlier);
    if (!isRead) finished(ledger.decide({ ...first }));
    const wasEnded = endedAfter(ledger.decide({ ...last }), pauses);
    return { wasEnded, found: [last, next].map((statistic) => finished(ledger.decide({ ...statistic }))) };
  };
  const without = decisions(0).found;
  assert.deepEqual(without.map((decision) => decision.kind === "answer" && decision.derived), [true, false]);
  for (let pauses = 1; pauses <= most; pauses += 1) {
    const { wasEnded, found } = decisions(pauses);
    assert.deepEqual(found, without, `${answered} answers, ended after ${pauses} pauses`);
    if (!wasEnded) break;
  }
}

Deno.test("a question that ends at any of its pauses changes no later decision", async (t) => {
  await t.step("of a few answers", () => endEverywhere(9, false));
  await t.step("the first of a ledger that was read", () => endEverywhere(20, true));
  // With this answer, the decoder makes all of its tries anew. The searches after that, which pause more often, change nothing.
  await t.step("of many answers", () => endEverywhere(81, false, 14));
});

Deno.test("a table whose release ends at any of its pauses is the same when it is asked for again, and so is its margin", () => {
  const random = randomNumbers(3);
  const people = new People(SIZE, random);
  // Groups of 400, 300, 200 and 60 persons, and two of few.
  const edges = [0, 400, 700, 900, 960, 978, 990];
  const within = (from = 0, to = SIZE) => people.count((person) => person >= from && person < to);
  const cells: readonly Cell[] = edges.slice(1).map((to, at) => ({
    level: 0,
    keys: [String(at)],
    persons: within(edges[at], to),
    values: [],
  }));
  const margin: Cell = { level: 1, keys: [null], persons: within(0, 990), values: [] };
  const released = (pauses: number) => {
    const ledger = new Ledger(PRESETS.cms, within(), randomNumbers(1));
    const asked = () => releaseTable([...cells, margin], 1, ledger, PRESETS.cms);
    const wasEnded = endedAfter(asked(), pauses);
    return { wasEnded, found: [finished(asked()).cells, finished(ledger.decide(margin.persons))] };
  };
  const without = released(0).found;
  for (let pauses = 1;; pauses += 1) {
    const { wasEnded, found } = released(pauses);
    assert.deepEqual(found, without, `ended after ${pauses} pauses`);
    if (!wasEnded) break;
  }
});
