/**
 * Compares our tables with the public specification, field by field. The specification is not part of the
 * repository: the tests look for it beside the checkout (or in OMCP_TEST_DATA), and are ignored without it.
 */
import assert from "node:assert/strict";
import { type CdmColumn, cdmTable, cdmTables, type CdmVersion } from "../../../../src/omop/cdm/mod.ts";

const FOLDER = Deno.env.get("OMCP_TEST_DATA") ??
  new URL("../../../../../shared/data", import.meta.url).pathname;

for (const version of ["5.3", "5.4"] as const) {
  const path = `${FOLDER}/cdm_spec/OMOP_CDMv${version}_Field_Level.csv`;
  const present = exists(path);
  const name = `cdmTables("${version}") agrees with the specification in every field`;
  Deno.test({ name: present ? name : `${name} (ignored: no ${path})`, ignore: !present }, function agrees() {
    const fields = parseCsv(Deno.readTextFileSync(path));
    const expected = fields.map(describeSpecified);
    const actual = cdmTables(version).flatMap(function lines(table) {
      return table.columns.map((column) => describeOurs(table.name, column));
    });
    assert.deepEqual(actual.toSorted(), expected.toSorted());
    assert.deepEqual(columnOrders(version), specifiedOrders(fields));
  });
}

function describeSpecified(field: Readonly<Record<string, string>>): string {
  const name = fieldName(field);
  const reference = field["isForeignKey"] === "Yes"
    ? `${field["fkTableName"]}.${field["fkFieldName"]}`
    : "none";
  return [
    `${field["cdmTableName"]}.${name}`,
    specifiedType(name, (field["cdmDatatype"] ?? "").toLowerCase()),
    field["isRequired"] === "Yes" ? "required" : "optional",
    field["isPrimaryKey"] === "Yes" ? "key" : "",
    reference,
  ].join(" ").toLowerCase();
}

function describeOurs(table: string, column: CdmColumn): string {
  const length = column.length === undefined ? "" : `(${column.length})`;
  const target = column.references;
  return [
    `${table}.${column.name}`,
    `${column.type}${length}`,
    column.required ? "required" : "optional",
    column.primaryKey ? "key" : "",
    target === undefined ? "none" : `${target.table}.${target.column}`,
  ].join(" ");
}

function specifiedType(name: string, type: string): string {
  if (type === "integer") return /_id(_\d)?$/.test(name) ? "bigint" : "integer";
  return { "float": "numeric", "datetime": "timestamp", "varchar(max)": "text" }[type] ?? type;
}

function columnOrders(version: CdmVersion): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    cdmTables(version).map(function order({ name }) {
      return [name, cdmTable(version, name).columns.map((column) => column.name)];
    }),
  );
}

function specifiedOrders(fields: readonly Readonly<Record<string, string>>[]): Record<string, string[]> {
  const orders: Record<string, string[]> = {};
  for (const field of fields) (orders[field["cdmTableName"] ?? ""] ??= []).push(fieldName(field));
  return orders;
}

/** The specification writes `"offset"` with its quotes. */
function fieldName(field: Readonly<Record<string, string>>): string {
  return (field["cdmFieldName"] ?? "").toLowerCase().replaceAll('"', "");
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Reads CSV with quoted fields, which may contain commas, newlines and doubled quotes. */
function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? bare ?? "");
    if (end !== ",") rows.push([]);
  }
  const [header, ...records] = rows;
  assert(header !== undefined);
  return records.filter((record) => record.length === header.length).map(function toObject(record) {
    return Object.fromEntries(header.map((column, at) => [column, record[at] ?? ""]));
  });
}
