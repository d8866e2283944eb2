import { LOCAL_SCHEMA } from "../cdm/local_name.ts";
import { quoteIdentifier } from "../lib/sql.ts";
import { keyDdl, tableDdl } from "../omop/cdm/mod.ts";
import { READER_ROLE } from "../postgres/roles/reader_role_sql.ts";
import {
  SAMPLE_CDM_VERSION,
  SAMPLE_PERSONS,
  SAMPLE_SEED,
  SAMPLE_VERSION,
  sampleFiles,
} from "../omop/sample/mod.ts";
import type { TextFile } from "../images/files.ts";
import { hashParts } from "../lib/hash_parts.ts";

/** How many persons of the sample the image's hash covers: generating them takes about 50 ms, generating all takes a second. */
const FINGERPRINT_PERSONS = 10;

/**
 * Computes `SAMPLE_FINGERPRINT`: a hash of the statements, the vocabulary and the first persons, and of the inputs of the
 * other persons.
 *
 * @returns SHA-256 in hexadecimal. A change of the sample that does not affect the first persons needs a new SAMPLE_VERSION.
 */
export function sampleFingerprint(): string {
  const data = sampleFiles({ persons: FINGERPRINT_PERSONS, seed: SAMPLE_SEED });
  return hashParts([
    SAMPLE_VERSION,
    SAMPLE_PERSONS,
    SAMPLE_SEED,
    sampleScript([]),
    ...[...data].flat(),
  ].map(String));
}

/**
 * Generates the folder `sample/` of the Postgres image's build: a script for psql, and the data as COPY text.
 *
 * @returns The files, always the same.
 */
export function generateSample(): readonly TextFile[] {
  const data = [...sampleFiles({ persons: SAMPLE_PERSONS, seed: SAMPLE_SEED })];
  return [
    { path: "sample/01-sample.sql", text: sampleScript(data.map(([table]) => table)) },
    ...data.map(([table, text]) => ({ path: `sample/data/${table}.copy`, text })),
  ];
}

/** One transaction: rows that are loaded into a table of the same transaction need no write-ahead log. */
function sampleScript(tables: readonly string[]): string {
  const { primaryKeys, indices, foreignKeys } = keyDdl(SAMPLE_CDM_VERSION, LOCAL_SCHEMA);
  // psql's own command, not the server's: it reads a file of the client.
  const copies = tables.map((table) =>
    `\\copy ${LOCAL_SCHEMA}.${quoteIdentifier(table)} from 'data/${table}.copy'\n`
  );
  return [
    "BEGIN;\n",
    ...ended([`CREATE SCHEMA ${LOCAL_SCHEMA}`, ...tableDdl(SAMPLE_CDM_VERSION, LOCAL_SCHEMA)]),
    ...copies,
    ...ended([
      ...primaryKeys,
      ...indices,
      ...foreignKeys,
      `GRANT USAGE ON SCHEMA ${LOCAL_SCHEMA} TO ${READER_ROLE}`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${LOCAL_SCHEMA} TO ${READER_ROLE}`,
    ]),
    "COMMIT;\n",
  ].join("");
}

function ended(statements: readonly string[]): string[] {
  return statements.map((statement) => `${statement};\n`);
}
