import { OmcpError } from "../../errors.ts";
import { CopyWriter, type SampleRow } from "./copy_text.ts";
import { PersonEmitter } from "./emit.ts";
import { HEALTH_SYSTEM_ROWS } from "./care_sites.ts";
import { VOCABULARY_ROWS } from "./vocabulary.ts";

/** Changes whenever the same persons and seed give other bytes; part of the name of images that hold the sample. */
export const SAMPLE_VERSION = "omcp-sample-2";

/** The sample's CDM version. */
export const SAMPLE_CDM_VERSION = "5.4";

/** How many persons the built-in sample has. */
export const SAMPLE_PERSONS = 1_000;

/** The seed of the built-in sample. */
export const SAMPLE_SEED = 1;

/** The largest population. */
export const MAX_PERSONS = 10_000_000;

/** Persons per batch: several hundred kilobytes of text. */
const BATCH = 200;

/** Which population to generate. */
export interface SampleOptions {
  /** How many persons, from 1 to {@link MAX_PERSONS}. */
  readonly persons: number;
  /** An integer of 32 bits; another seed gives other persons. */
  readonly seed: number;
}

/** Whole rows of one table in COPY's text format. */
export interface SampleChunk {
  readonly table: string;
  /** All columns of the table, in its order. */
  readonly columns: readonly string[];
  /** COPY text: tabs, `\N` for NULL, a newline after each row. */
  readonly text: string;
  readonly rows: number;
}

/**
 * Generates a synthetic population as a CDM 5.4 in constant memory: first the vocabulary and the health system, then persons in
 * batches, so that chunks of different tables alternate. The same options give the same bytes, and the first persons do not
 * depend on how many follow.
 *
 * @param options Number of persons and seed.
 * @returns The chunks. In this order, rows refer only to earlier rows; the vocabulary's tables refer to each other.
 * @throws {OmcpError} `invalid_argument` when an option is out of range.
 */
export function sampleTables(options: SampleOptions): Generator<SampleChunk, void, void> {
  checkOptions(options);
  return generate(options);
}

/**
 * Generates a small population in memory.
 *
 * @param options Number of persons and seed.
 * @returns Each filled table's COPY text, all columns in the table's order.
 * @throws {OmcpError} `invalid_argument` when an option is out of range.
 */
export function sampleFiles(options: SampleOptions): ReadonlyMap<string, string> {
  const parts = new Map<string, string[]>();
  for (const { table, text } of sampleTables(options)) {
    const known = parts.get(table);
    if (known === undefined) parts.set(table, [text]);
    else known.push(text);
  }
  return new Map([...parts].map(([table, texts]) => [table, texts.join("")]));
}

function* generate({ persons, seed }: SampleOptions): Generator<SampleChunk, void, void> {
  for (const [table, rows] of Object.entries(VOCABULARY_ROWS)) yield* wholeTable(table, rows());
  const origin = `${SAMPLE_VERSION}, ${persons} persons, seed ${seed}`;
  for (const [table, rows] of Object.entries(HEALTH_SYSTEM_ROWS)) yield* wholeTable(table, rows(origin));
  const emitter = new PersonEmitter(seed);
  for (let id = 1; id <= persons; id++) {
    emitter.emit(id);
    if (id % BATCH !== 0 && id !== persons) continue;
    for (const writer of emitter.writers) yield* take(writer);
  }
}

function* wholeTable(table: string, rows: readonly SampleRow[]): Generator<SampleChunk, void, void> {
  const writer = new CopyWriter(table);
  for (const row of rows) writer.write(row);
  yield* take(writer);
}

function* take(writer: CopyWriter): Generator<SampleChunk, void, void> {
  const { table, columns, rows } = writer;
  if (rows > 0) yield { table, columns, rows, text: writer.take() };
}

function checkOptions({ persons, seed }: SampleOptions): void {
  if (!Number.isInteger(persons) || persons < 1 || persons > MAX_PERSONS) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot generate a sample: persons must be an integer from 1 to ${MAX_PERSONS}; received ${persons}`,
      { state: "Nothing was generated.", next: `Choose from 1 to ${MAX_PERSONS} persons.` },
    );
  }
  if (!Number.isInteger(seed) || seed < -(2 ** 31) || seed >= 2 ** 32) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot generate a sample: seed must be a 32-bit integer; received ${seed}`,
      { state: "Nothing was generated.", next: "Choose a seed such as 1." },
    );
  }
}
