// @ts-check
/// <reference lib="deno.worker" />
/**
 * The search's index: SQLite's FTS5, in the memory of a worker of its own. It holds words and marks, no names: hits are looked up in the
 * database. Its row ids are the order of importance, so that the first rows of a match are the best ones.
 *
 * word_index.ts imports this file as a text, so that the server needs no permission to load it, wherever it runs: hence it is JavaScript
 * and imports only what Deno has itself.
 */
import { DatabaseSync } from "node:sqlite";

/** Words that may stand for one that no concept has. */
const MOST_SIMILAR = 6;
/** Letters at the beginning that a word at distance 2 shares. */
const SHARED_LETTERS = 2;
const MOST_CHANGES = 2;
/** Words that are compared at distance 2. */
const MOST_COMPARED = 50_000;
/** How many words the beginning of a word is replaced by: the most frequent ones. */
const MOST_BEGUN = 40;
/**
 * FTS5 writes a segment when it holds this many bytes. Each segment repeats words: with 1 MB, an index of a million texts took 77 MB, with 32 MB
 * it took 51 MB. Searches wait while one is written: a second for 16 MB.
 */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** More segments than an index has. With fewer, FTS5 would merge all segments of a level while a concept is added. */
const MOST_SEGMENTS = 1_999;
/** Pages of a step of merging, and words of a step of listing them: searches get their turn between two steps. */
const MERGE_PAGES = 100;
const LISTED_WORDS = 200;

const db = new DatabaseSync(":memory:");
db.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
  CREATE VIRTUAL TABLE entry USING fts5(text, content = '', detail = 'none', tokenize = 'ascii');
  CREATE VIRTUAL TABLE vocabulary USING fts5vocab(entry, row);
  CREATE TABLE word (w TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO entry(entry, rank) VALUES ('automerge', 0), ('crisismerge', ${MOST_SEGMENTS}), ('hashsize', ${SEGMENT_BYTES});
  BEGIN`);
const insert = db.prepare("INSERT INTO entry(rowid, text) VALUES (?, ?)");
const matches = db.prepare("SELECT rowid FROM entry WHERE entry MATCH ? ORDER BY rowid LIMIT ?");
const count = db.prepare("SELECT n FROM word WHERE w = ?");
const begins = db.prepare("SELECT 1 FROM word WHERE w >= ? AND w < ? LIMIT 1");
const alike = db.prepare(
  "SELECT w, n FROM word WHERE w >= ? AND w < ? AND length(w) BETWEEN ? AND ? LIMIT ?",
);
const begun = db.prepare("SELECT w, n FROM word WHERE w >= ? AND w < ? ORDER BY n DESC LIMIT ?");

/** Concept ids by row, in parts: a list that grows would be copied. */
const PART = 65_536;
/** @type {Float64Array[]} */
const ids = [];
let size = 0;
/** What marks begin with. */
let mark = "";

/** @type {Record<string, Function>} */
const calls = {
  /** @param {string} text */
  start(text) {
    mark = text;
  },

  /**
   * Adds concepts, the most important ones first.
   *
   * @param {readonly number[]} concepts
   * @param {readonly string[]} texts
   */
  add(concepts, texts) {
    for (const [at, id] of concepts.entries()) {
      if (size % PART === 0) ids.push(new Float64Array(PART));
      const part = ids.at(-1);
      if (part !== undefined) part[size % PART] = id;
      size += 1;
      insert.run(size, texts[at] ?? "");
    }
  },

  /** Ends the filling, by a step for each call. @returns Whether that was the last one. */
  finish() {
    return finishing.next().done === true;
  },

  /**
   * Concepts that have all of some entries, the most important first.
   *
   * @param {readonly (readonly string[])[]} all
   * @param {string} prefix
   * @param {number} limit
   */
  find(all, prefix, limit) {
    // FTS5's own prefix queries merge the rows of every word before the first is found: those of a common one take a second.
    const isWord = prefix !== "" && !isMark(prefix);
    const groups = isWord ? [...all, [prefix, ...beginning(prefix)]] : all;
    // FTS5 goes through the rows of the first part, and looks each up in the others.
    const parts = groups.map((any) => ({ any, rows: rowsOf(any) }))
      .sort((left, right) => left.rows - right.rows)
      .map(({ any }) => `(${any.map((entry) => `"${entry}"`).join(" OR ")})`);
    // Few concepts share a code, and the list of words has no marks.
    if (isMark(prefix)) parts.push(`"${prefix}" *`);
    if (parts.length === 0) return [];
    return matches.all(parts.join(" AND "), limit).map(({ rowid }) => idAt(Number(rowid) - 1));
  },

  /**
   * Words that no concept has. The last one may also be the beginning of a word.
   *
   * @param {readonly string[]} words
   */
  unknown(words) {
    return words.filter((word, at) =>
      frequency(word) === 0 && !(at === words.length - 1 && beginsWord(word))
    );
  },

  /**
   * Replacements for a word that no concept has, the most frequent first: its variants; if there are none, words at distance 2 with the same
   * beginning.
   *
   * @param {string} word
   * @param {readonly string[]} variants
   */
  similar(word, variants) {
    const near = variants.map((w) => ({ w, n: frequency(w) })).filter(({ n }) => n > 0);
    const found = near.length > 0 ? near : comparedWith(word)
      .filter(({ w }) => distance(w, word, MOST_CHANGES) <= MOST_CHANGES);
    return found.sort((left, right) => right.n - left.n).slice(0, MOST_SIMILAR).map(({ w }) => w);
  },
};

/** @param {string} entry */
function isMark(entry) {
  return entry.startsWith(mark);
}

/** @param {number} at */
function idAt(at) {
  return ids[Math.floor(at / PART)]?.[at % PART];
}

/** @param {string} word */
function frequency(word) {
  return Number(count.get(word)?.n ?? 0);
}

/** @param {string} start */
function beginsWord(start) {
  return begins.get(start, `${start}\u{10ffff}`) !== undefined;
}

/** Words with the same beginning and nearly as many characters: most of the time goes into reading them. @param {string} word */
function comparedWith(word) {
  const start = word.slice(0, SHARED_LETTERS);
  const { length } = [...word];
  return alike.all(start, `${start}\u{10ffff}`, length - MOST_CHANGES, length + MOST_CHANGES, MOST_COMPARED)
    .map(({ w, n }) => ({ w: String(w), n: Number(n) }));
}

/** The most frequent words that begin with a text, without itself. @param {string} start */
function beginning(start) {
  return begun.all(start, `${start}\u{10ffff}`, MOST_BEGUN + 1).map(({ w }) => String(w))
    .filter((w) => w !== start).slice(0, MOST_BEGUN);
}

/**
 * The most rows that can have one of the entries. A mark counts as being in all rows, because it is in more of them than most words are.
 *
 * @param {readonly string[]} any
 */
function rowsOf(any) {
  return any.reduce((sum, entry) => sum + (isMark(entry) ? size : frequency(entry)), 0);
}

/**
 * Levenshtein's distance, as far as it is at most a limit.
 *
 * @param {string} left
 * @param {string} right
 * @param {number} most
 */
function distance(left, right, most) {
  if (Math.abs(left.length - right.length) > most) return most + 1;
  let before = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let at = 1; at <= right.length; at += 1) {
      const replaced = (before[at - 1] ?? 0) + (left[row - 1] === right[at - 1] ? 0 : 1);
      current.push(Math.min(replaced, (before[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1));
    }
    if (Math.min(...current) > most) return most + 1;
    before = current;
  }
  return before.at(-1) ?? 0;
}

const finishing = finishInSteps();

/** Makes one segment of all, because a search looks into each, and lists the words. */
function* finishInSteps() {
  db.exec("COMMIT");
  yield* merge();
  // Marks are not words: no name has them, and each code is one.
  yield* listWords("", mark);
  yield* listWords(`${mark}\u{10ffff}`, "\u{10ffff}");
}

function* merge() {
  const step = db.prepare("INSERT INTO entry(entry, rank) VALUES ('merge', ?)");
  const changes = db.prepare("SELECT total_changes() AS n");
  // With a negative number, the first step makes all segments inputs of one merge.
  let pages = -MERGE_PAGES;
  for (let before = -2;;) {
    const n = Number(changes.get()?.n);
    // A step that had nothing to merge is one change itself.
    if (n - before < 2) return;
    before = n;
    step.run(pages);
    pages = MERGE_PAGES;
    yield;
  }
}

/** @param {string} after @param {string} until */
function* listWords(after, until) {
  const next = db.prepare(
    "SELECT term AS w, doc AS n FROM vocabulary WHERE term > ? AND term < ? ORDER BY term LIMIT ?",
  );
  const add = db.prepare("INSERT INTO word VALUES (?, ?)");
  while (true) {
    const rows = next.all(after, until, LISTED_WORDS);
    db.exec("BEGIN");
    for (const { w, n } of rows) add.run(String(w), Number(n));
    db.exec("COMMIT");
    const end = rows.at(-1);
    if (end === undefined) return;
    after = String(end.w);
    yield;
  }
}

self.onmessage = ({ data: { id, call, parameters } }) => {
  try {
    self.postMessage({ id, value: calls[call]?.(...parameters) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
