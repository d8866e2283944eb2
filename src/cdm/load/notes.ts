/** Counts values that a load changes, and words whose meaning it decides. The notes contain no value of a row. */
import { counted } from "../../lib/counted.ts";

/** Counts of one column. A row's changes count once the row is accepted. */
export class ColumnNotes {
  readonly #changed: ColumnNotes[];
  #cut: number | undefined;
  #fraction = false;
  #textsCut = 0;
  #longest = 0;
  #fractionsCut = 0;

  /** @param changed Collects the columns that the current row changes. */
  constructor(changed: ColumnNotes[]) {
    this.#changed = changed;
  }

  /** Notes a text that is cut to the column's length. @param characters Its own length. */
  textCut(characters: number): void {
    this.#cut = characters;
    this.#changed.push(this);
  }

  /** Notes a time whose fraction of a second is cut. */
  fractionCut(): void {
    this.#fraction = true;
    this.#changed.push(this);
  }

  /** Ends a row. @param accepted Whether it is loaded. */
  endRow(accepted: boolean): void {
    if (accepted && this.#cut !== undefined) {
      this.#textsCut += 1;
      this.#longest = Math.max(this.#longest, this.#cut);
    }
    if (accepted && this.#fraction) this.#fractionsCut += 1;
    this.#cut = undefined;
    this.#fraction = false;
  }

  /**
   * Describes the counts.
   *
   * @param column The column's name.
   * @param length The most characters of the column.
   * @returns Sentences without a final period.
   */
  describe(column: string, length: number | undefined): string[] {
    const sentences: string[] = [];
    if (this.#textsCut > 0) {
      sentences.push(
        `${column}: ${counted(this.#textsCut, "text")} cut to ${
          length ?? 0
        } characters; the longest has ${this.#longest}`,
      );
    }
    if (this.#fractionsCut > 0) {
      sentences.push(`${column}: ${counted(this.#fractionsCut, "fraction")} of a second cut to microseconds`);
    }
    return sentences;
  }
}

/** The quoted empty field, which pandas writes for NULL where it quotes all fields. */
export const QUOTED_EMPTY = '""';

/** A field with a word that may mean NULL. */
interface Seen {
  readonly word: string;
  readonly line: number;
  readonly column: string;
  fields: number;
}

/** The words for NULL in one file, by their spelling in lower case. */
export class NullWords {
  readonly #asNull = new Map<string, Seen>();
  readonly #asText = new Map<string, Seen>();

  /**
   * Counts a word that is NULL, in a column of numbers or dates.
   *
   * @returns Whether the word is also a text of this file: then it has two readings.
   */
  isNull(word: string, line: number, column: string): boolean {
    count(this.#asNull, { word, line, column, fields: 1 });
    return this.#asText.has(word.toLowerCase());
  }

  /**
   * Counts a word that is text.
   *
   * @returns Whether the word is also NULL in this file.
   */
  isText(word: string, line: number, column: string): boolean {
    count(this.#asText, { word, line, column, fields: 1 });
    return this.#asNull.has(word.toLowerCase());
  }

  /** Describes where a word was first read as NULL and where as text. */
  conflict(word: string): string {
    const asNull = this.#asNull.get(word.toLowerCase());
    const asText = this.#asText.get(word.toLowerCase());
    return `${shown(word)} is NULL in ${asNull?.column} (line ${asNull?.line}), and may be NULL or text in ` +
      `${asText?.column} (line ${asText?.line})`;
  }

  /** Describes the counts in sentences without a final period. @param table The table. */
  describe(table: string): string[] {
    return [
      ...[...this.#asNull.values()].map(({ word, fields }) =>
        `${counted(fields, "field")} ${shown(word)} read as NULL`
      ),
      // A quoted empty field is the empty text.
      ...[...this.#asText.values()].filter(({ word }) => word !== QUOTED_EMPTY).map(({ word, fields }) =>
        `${counted(fields, "field")} ${
          shown(word)
        } read as text; if they mean NULL, pass --null ${table}=${word}`
      ),
    ];
  }
}

function count(counts: Map<string, Seen>, seen: Seen): void {
  const known = counts.get(seen.word.toLowerCase());
  if (known === undefined) counts.set(seen.word.toLowerCase(), seen);
  else known.fields += 1;
}

function shown(word: string): string {
  return word === QUOTED_EMPTY ? word : `"${word}"`;
}
