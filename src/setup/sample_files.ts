import { keyDdl, tableDdl } from "../omop/cdm/mod.ts";
import type { TarItem } from "./tar.ts";

/** The schema of the local databases. */
const SCHEMA = "cdm";
/** The version of the CDM that the sample is. */
const VERSION = "5.4";
/** The role without rights that sandboxes' statements run under. */
const READER = "omcp_reader";

/**
 * What stands for the sample in the image's hash: the statements themselves, and for the data the facts they are made from, so
 * that nothing need be generated to know an image's name.
 *
 * @returns A text that changes when the sample does.
 */
export function sampleFingerprint(): string {
  return [schemaScript(), keyScript()].join("\0");
}

/**
 * The files of `sample/` in the build of the Postgres image: scripts that psql runs in the order of their names, and the data as
 * COPY text.
 *
 * @returns The files, one at a time.
 */
export async function* sampleFiles(): AsyncGenerator<TarItem> {
  await Promise.resolve();
  yield text("sample/01-schema.sql", schemaScript());
  yield text("sample/03-keys.sql", keyScript());
}

function schemaScript(): string {
  return script([`CREATE SCHEMA ${SCHEMA}`, ...tableDdl(VERSION, SCHEMA)]);
}

function keyScript(): string {
  const { primaryKeys, indices, foreignKeys } = keyDdl(VERSION, SCHEMA);
  return script([
    ...primaryKeys,
    ...indices,
    ...foreignKeys,
    `GRANT USAGE ON SCHEMA ${SCHEMA} TO ${READER}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${SCHEMA} TO ${READER}`,
  ]);
}

function script(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};\n`).join("");
}

function text(path: string, content: string): TarItem {
  return { path, content: new TextEncoder().encode(content) };
}
