/**
 * The search's index: SQLite's FTS5, in this process's memory. It holds words and marks, no names: hits are looked up in the
 * database. Its row ids are the order of importance, so that the first rows of a match are the best ones.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { distance } from "fastest-levenshtein";
import * as z from "zod";
import { isMark, variantsOf } from "../../omop/concepts/mod.ts";

/** Words that may stand for one that no concept has. */
const MOST_SIMILAR = 6;
/** Shorter words have too many neighbours. */
const SHORTEST_MISSPELT = 4;
/** Longer words are not looked for: the time for their variants grows with the square of their length. */
const LONGEST_MISSPELT = 100;
/** Letters at the beginning that a word at distance 2 shares. */
const SHARED_LETTERS = 2;
/** Words that are compared at distance 2. */
const MOST_COMPARED = 50_000;
/** How many words the beginning of a word is replaced by: the most frequent ones. */
const MOST_BEGUN = 40;
/**
 * More segments, of a megabyte each, than an index of twelve million concepts has. With fewer, FTS5 would merge all segments of a level at once,
 * and the server would answer nothing meanwhile.
 */
const MOST_SEGMENTS = 1_999;
/** Pages of a step of merging, which takes a few milliseconds. */
const MERGE_PAGES = 32;

const idRows = z.array(z.object({ rowid: z.number() }));
const wordRows = z.array(z.object({ w: z.string(), n: z.number() }));
const oneCount = z.object({ n: z.number() }).optional();
const total = z.object({ n: z.number() });

/** An index; filled once, then only read. */
export class WordIndex {
  readonly #db = new DatabaseSync(":memory:");
  readonly #insert: StatementSync;
  readonly #ids: number[] = [];
  readonly #find: StatementSync;
  #count: StatementSync | undefined;
  #range: StatementSync | undefined;
  #begun: StatementSync | undefined;

  /** Makes an empty index. */
  constructor() {
    this.#db.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
      CREATE VIRTUAL TABLE entry USING fts5(text, content = '', detail = 'none', tokenize = 'ascii');
      CREATE VIRTUAL TABLE vocabulary USING fts5vocab(entry, row);
      CREATE TABLE word (w TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
      INSERT INTO entry(entry, rank) VALUES ('automerge', 0), ('crisismerge', ${MOST_SEGMENTS});
      BEGIN`);
    this.#insert = this.#db.prepare("INSERT INTO entry(rowid, text) VALUES (?, ?)");
    this.#find = this.#db.prepare("SELECT rowid FROM entry WHERE entry MATCH ? ORDER BY rowid LIMIT ?");
  }

  /** Concepts in it. */
  get size(): number {
    return this.#ids.length;
  }

  /**
   * Adds a concept, the most important one first.
   *
   * @param id Its id.
   * @param text What {@link indexedText} makes of it.
   */
  add(id: number, text: string): void {
    this.#ids.push(id);
    this.#insert.run(this.#ids.length, text);
  }

  /**
   * Ends the filling: makes one segment of all, because a search looks into each, and lists the words.
   *
   * @param pause Called after each few milliseconds of work.
   */
  async finish(pause: () => Promise<void>): Promise<void> {
    this.#db.exec("COMMIT");
    await this.#merge(pause);
    const next = this.#db.prepare(
      "SELECT term AS w, doc AS n FROM vocabulary WHERE term > ? ORDER BY term LIMIT 1000",
    );
    const insert = this.#db.prepare("INSERT INTO word VALUES (?, ?)");
    let last = "";
    while (true) {
      const rows = wordRows.parse(next.all(last));
      this.#db.exec("BEGIN");
      for (const { w, n } of rows) if (!isMark(w)) insert.run(w, n);
      this.#db.exec("COMMIT");
      const end = rows.at(-1);
      if (end === undefined) break;
      last = end.w;
      await pause();
    }
    this.#count = this.#db.prepare("SELECT n FROM word WHERE w = ?");
    this.#range = this.#db.prepare("SELECT w, n FROM word WHERE w >= ? AND w < ? LIMIT ?");
    this.#begun = this.#db.prepare("SELECT w, n FROM word WHERE w >= ? AND w < ? ORDER BY n DESC LIMIT ?");
  }

  /**
   * Finds concepts that have all of some entries.
   *
   * @param all Each is a list of entries of which one must be there.
   * @param options The beginning of a word that a concept must also have, replaced by the most frequent words that begin so; the maximum of ids.
   * @returns Ids, the most important first.
   */
  find(
    all: readonly (readonly string[])[],
    { prefix = "", limit }: { readonly prefix?: string; readonly limit: number },
  ): readonly number[] {
    // FTS5's own prefix queries merge the rows of every word before the first is found: those of a common one take a second.
    const isWord = prefix !== "" && !isMark(prefix);
    const groups = isWord ? [...all, [prefix, ...this.#beginning(prefix)]] : all;
    // FTS5 goes through the rows of the first part, and looks each up in the others.
    const parts = groups.map((any) => ({ any, rows: this.#rowsOf(any) }))
      .sort((left, right) => left.rows - right.rows)
      .map(({ any }) => `(${any.map((entry) => `"${entry}"`).join(" OR ")})`);
    // Few concepts share a code, and the list of words has no marks.
    if (isMark(prefix)) parts.push(`"${prefix}" *`);
    if (parts.length === 0) return [];
    const rows = idRows.parse(this.#find.all(parts.join(" AND "), limit));
    return rows.flatMap(({ rowid }) => this.#ids[rowid - 1] ?? []);
  }

  /**
   * How many concepts have a word.
   *
   * @param word The word.
   */
  frequency(word: string): number {
    return oneCount.parse(this.#count?.get(word))?.n ?? 0;
  }

  /**
   * Whether a word begins with a text.
   *
   * @param start The text.
   */
  hasPrefix(start: string): boolean {
    return this.#between(start, 1).length > 0;
  }

  /**
   * Replacements for a word that no concept has: words at distance 1; if there are none, words at distance 2 with the same beginning.
   *
   * @param word The misspelt word.
   * @returns The most frequent first, at most six.
   */
  similar(word: string): readonly string[] {
    if (word.length < SHORTEST_MISSPELT || word.length > LONGEST_MISSPELT) return [];
    const near = variantsOf(word).map((w) => ({ w, n: this.frequency(w) })).filter(({ n }) => n > 0);
    const found = near.length > 0 ? near : this.#between(word.slice(0, SHARED_LETTERS), MOST_COMPARED)
      .filter(({ w }) => Math.abs(w.length - word.length) <= 2 && distance(w, word) <= 2);
    return [...found].sort((left, right) => right.n - left.n).slice(0, MOST_SIMILAR).map(({ w }) => w);
  }

  /** Frees its memory. */
  close(): void {
    this.#db.close();
  }

  async #merge(pause: () => Promise<void>): Promise<void> {
    const step = this.#db.prepare("INSERT INTO entry(entry, rank) VALUES ('merge', ?)");
    const changes = this.#db.prepare("SELECT total_changes() AS n");
    // With a negative number, the first step makes all segments inputs of one merge.
    let pages = -MERGE_PAGES;
    for (let before = -2;;) {
      const { n } = total.parse(changes.get());
      // A step that had nothing to merge is one change itself.
      if (n - before < 2) return;
      before = n;
      step.run(pages);
      pages = MERGE_PAGES;
      await pause();
    }
  }

  /** The most rows that can have one of the entries. A mark counts as being in all rows, because it is in more of them than most words are. */
  #rowsOf(any: readonly string[]): number {
    return any.reduce((sum, entry) => sum + (isMark(entry) ? this.size : this.frequency(entry)), 0);
  }

  /** The most frequent words that begin with a text, without itself. */
  #beginning(start: string): readonly string[] {
    const rows = wordRows.parse(this.#begun?.all(start, `${start}\u{10ffff}`, MOST_BEGUN + 1) ?? []);
    return rows.filter(({ w }) => w !== start).slice(0, MOST_BEGUN).map(({ w }) => w);
  }

  #between(start: string, limit: number): readonly { readonly w: string; readonly n: number }[] {
    return wordRows.parse(this.#range?.all(start, `${start}\u{10ffff}`, limit) ?? []);
  }
}
