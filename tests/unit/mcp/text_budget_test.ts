import assert from "node:assert/strict";
import fc from "fast-check";
import { fairShares, keepEnds } from "../../../src/mcp/text_budget.ts";

const mark = (bytes: string) => `\n… [${bytes} left out here] …\n`;

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

Deno.test("keepEnds() never splits a character and states every byte that it leaves out", () => {
  const pieces = fc.array(fc.record({ text: fc.string({ unit: "grapheme" }) }), { maxLength: 6 });
  fc.assert(fc.property(pieces, fc.nat(40), (given, room) => {
    const shown = keepEnds(given, room);
    assert.equal(shown.length, given.length);
    const bytes = (text: string) => new TextEncoder().encode(text).byteLength;
    const said = shown.join("").matchAll(/\n… \[(\d+) bytes? left out here\] …\n/g);
    const left = shown.join("").replaceAll(/\n… \[\d+ bytes? left out here\] …\n/g, "");
    const omitted = [...said].reduce((sum, match) => sum + Number(match[1]), 0);
    assert.ok(left.isWellFormed());
    assert.equal(bytes(left) + omitted, bytes(given.map(({ text }) => text).join("")));
  }));
});

Deno.test("fairShares() divides an empty budget into nothing, and gives no part more than it needs", () => {
  assert.deepEqual(fairShares(100, []), []);
  assert.deepEqual(fairShares(0, [1, 2]), [0, 0]);
  assert.deepEqual(fairShares(1, [1, 1]), [0, 1]);
  assert.deepEqual(fairShares(10, [0, 10]), [0, 10]);
  assert.deepEqual(fairShares(10, [5, 5]), [5, 5]);
  assert.deepEqual(fairShares(10, [5, 6]), [5, 5]);
});

Deno.test("keepEnds() cuts nothing that fits exactly, and from one character more on states what it cuts", () => {
  assert.deepEqual(keepEnds([], 10), []);
  assert.deepEqual(keepEnds([{ text: "" }], 0), [""]);
  assert.deepEqual(keepEnds([{ text: "a" }], 0), [mark("1 byte")]);
  assert.deepEqual(keepEnds([{ text: "abcd" }], 4), ["abcd"]);
  assert.deepEqual(keepEnds([{ text: "abcde" }], 4), [`ab${mark("1 byte")}de`]);
  assert.deepEqual(keepEnds([{ text: "abc" }], 1), [`a${mark("2 bytes")}`]);
  assert.deepEqual(keepEnds([{ text: "ab" }, { text: "cd" }], 4), ["ab", "cd"]);
});

Deno.test("keepEnds() counts bytes and not characters, and halves no character at either cut", () => {
  assert.deepEqual(keepEnds([{ text: "éééé" }], 2), [`é${mark("4 bytes")}é`]);
  assert.deepEqual(keepEnds([{ text: "😀😀😀" }], 2), [mark("12 bytes")]);
  assert.deepEqual(keepEnds([{ text: "a😀b😀c" }], 4), [`a${mark("9 bytes")}c`]);
});

Deno.test("keepEnds() cuts at the end of a line where one is near, and only there", () => {
  assert.deepEqual(keepEnds([{ text: "one\ntwo\nthree\nfour\n" }], 12), [`one\n${mark("10 bytes")}four\n`]);
  assert.deepEqual(keepEnds([{ text: "one\r\ntwo\r\nthree\r\nfour\r\n" }], 14), [
    `one\r\n${mark("12 bytes")}four\r\n`,
  ]);
  const far = `a\n${"x".repeat(1000)}\nb`;
  assert.deepEqual(keepEnds([{ text: far }], 600), [
    `a\n${"x".repeat(298)}${mark("404 bytes")}${"x".repeat(298)}\nb`,
  ]);
});

Deno.test("keepEnds() states bytes that never arrived even where every character fits", () => {
  assert.deepEqual(keepEnds([{ text: "", skipped: 5 }], 10), [mark("5 bytes")]);
  assert.deepEqual(keepEnds([{ text: "a", skipped: 0 }], 1), ["a"]);
});
