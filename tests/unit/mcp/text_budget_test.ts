import assert from "node:assert/strict";
import fc from "fast-check";
import { fairShares, keepEnds } from "../../../src/mcp/text_budget.ts";

Deno.test("fairShares() keeps small parts whole and divides the rest evenly", () => {
  assert.deepEqual(fairShares(100, [1000, 5, 1000]), [47, 5, 48]);
  assert.deepEqual(fairShares(100, [10, 20, 30]), [10, 20, 30]);
  fc.assert(fc.property(fc.nat(5000), fc.array(fc.nat(3000)), (total, demands) => {
    const shares = fairShares(total, demands);
    assert.ok(shares.every((share, at) => share >= 0 && share <= (demands[at] ?? 0)));
    const sum = shares.reduce((all, share) => all + share, 0);
    const wanted = demands.reduce((all, demand) => all + demand, 0);
    assert.equal(sum, Math.min(total, wanted));
  }));
});

Deno.test("keepEnds() keeps both ends of a text in pieces and states the middle's bytes once", () => {
  const mark = (bytes: string) => `\n… [${bytes} left out here] …\n`;
  assert.deepEqual(keepEnds([{ text: "short" }], 100), ["short"]);
  assert.deepEqual(keepEnds([{ text: "abcdefghij" }], 4), [`ab${mark("6 bytes")}ij`]);
  assert.deepEqual(keepEnds([{ text: "abcd" }, { text: "xxxx" }, { text: "wxyz" }], 4), [
    "ab",
    "",
    `${mark("8 bytes")}yz`,
  ]);
  assert.deepEqual(keepEnds([{ text: "head" }, { text: "tail", skipped: 90 }], 100), [
    "head",
    `${mark("90 bytes")}tail`,
  ]);
  assert.deepEqual(keepEnds([{ text: "abcd" }, { text: "wxyz", skipped: 90 }], 4), [
    "ab",
    `${mark("94 bytes")}yz`,
  ]);
});

Deno.test("keepEnds() never splits a character and never loses a byte unsaid", () => {
  const pieces = fc.array(fc.record({ text: fc.string({ unit: "grapheme" }) }), { maxLength: 6 });
  fc.assert(fc.property(pieces, fc.nat(40), (given, room) => {
    const shown = keepEnds(given, room);
    assert.equal(shown.length, given.length);
    const bytes = (text: string) => new TextEncoder().encode(text).byteLength;
    const said = shown.join("").matchAll(/\n… \[(\d+) bytes left out here\] …\n/g);
    const left = shown.join("").replaceAll(/\n… \[\d+ bytes left out here\] …\n/g, "");
    const omitted = [...said].reduce((sum, match) => sum + Number(match[1]), 0);
    assert.ok(left.isWellFormed());
    assert.equal(bytes(left) + omitted, bytes(given.map(({ text }) => text).join("")));
  }));
});
