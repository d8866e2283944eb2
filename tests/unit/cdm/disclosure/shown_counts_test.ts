/** How often concepts occur, as aggregate mode shows it without a ledger. */
import assert from "node:assert/strict";
import { leastShown, PRESETS, shownCounts } from "../../../../src/cdm/disclosure/rules.ts";

for (const [name, rules] of Object.entries(PRESETS)) {
  Deno.test(`each shown count of a concept stands for at least k counts: ${name}`, () => {
    const { round, leastPersons } = shownCounts(rules);
    // As in tables: a count that one does not show is not shown by the other.
    assert.equal(leastPersons, leastShown(rules));
    const stands = new Map<number, number>();
    for (let count = leastPersons; count < 20_000; count += 1) {
      const shown = round(count);
      stands.set(shown, (stands.get(shown) ?? 0) + 1);
    }
    const sizes = [...stands.entries()].sort(([a], [b]) => a - b).map(([, size]) => size);
    // The last is cut off by the end of the loop.
    for (const size of sizes.slice(0, -1)) assert.ok(size >= rules.k, `${size}`);
    assert.equal(round(1844), 1800);
  });
}
