import { qualifiedName, quoteIdentifier } from "../../lib/sql.ts";
import type { CdmColumn, CdmTable, CdmVersion } from "./notation.ts";
import { cdmTables } from "./tables.ts";

/** The statements that create keys and indices, one for each; to be run in this order, after the data are loaded. */
export interface KeyDdl {
  readonly primaryKeys: readonly string[];
  readonly indices: readonly string[];
  readonly foreignKeys: readonly string[];
}

/** Columns by which queries look up rows, besides person_id and visit_occurrence_id. */
const LOOKUPS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  condition_occurrence: [["condition_concept_id"]],
  drug_exposure: [["drug_concept_id"]],
  procedure_occurrence: [["procedure_concept_id"]],
  device_exposure: [["device_concept_id"]],
  measurement: [["measurement_concept_id"]],
  observation: [["observation_concept_id"]],
  visit_occurrence: [["visit_concept_id"]],
  visit_detail: [["visit_detail_concept_id"]],
  condition_era: [["condition_concept_id"]],
  drug_era: [["drug_concept_id"]],
  dose_era: [["drug_concept_id"]],
  specimen: [["specimen_concept_id"]],
  episode: [["episode_concept_id"]],
  episode_event: [["episode_id"]],
  note_nlp: [["note_id"]],
  cost: [["cost_event_id"]],
  fact_relationship: [["domain_concept_id_1", "fact_id_1"], ["domain_concept_id_2", "fact_id_2"]],
  cohort: [["cohort_definition_id"], ["subject_id"]],
  concept: [["concept_code", "vocabulary_id"], ["domain_id"]],
  concept_relationship: [["concept_id_1", "relationship_id"], ["concept_id_2"]],
  concept_ancestor: [["ancestor_concept_id", "descendant_concept_id"], ["descendant_concept_id"]],
  concept_synonym: [["concept_id"]],
  source_to_concept_map: [["source_code"], ["target_concept_id"]],
  drug_strength: [["drug_concept_id"], ["ingredient_concept_id"]],
};

/**
 * The statements that create a version's tables without their keys: a load is faster without keys, and real data
 * may violate them. The schema must exist.
 *
 * @param version The CDM's version.
 * @param schema The schema to create them in.
 * @returns One CREATE TABLE per table, in the order of {@link cdmTables}.
 * @throws {OmcpError} `invalid_argument` if the schema is not a valid identifier.
 */
export function tableDdl(version: CdmVersion, schema: string): readonly string[] {
  return cdmTables(version).map(function create(table) {
    return createTable(table, schema);
  });
}

/**
 * One CREATE TABLE statement.
 *
 * @param table The table.
 * @param schema The schema to create it in.
 * @returns The statement, all identifiers quoted, without a semicolon.
 * @throws {OmcpError} `invalid_argument` if the schema is not a valid identifier.
 */
export function createTable(table: CdmTable, schema: string): string {
  const columns = table.columns.map(function define(column) {
    return `  ${quoteIdentifier(column.name)} ${sqlType(column)}${column.required ? " NOT NULL" : ""}`;
  });
  return `CREATE TABLE ${qualifiedName(schema, table.name)} (\n${columns.join(",\n")}\n)`;
}

/**
 * The statements that add a version's keys, one for each key, so that a loader can report the keys that the
 * data violate and add the others.
 *
 * @param version The CDM's version.
 * @param schema The tables' schema.
 * @returns Primary keys, which the foreign keys need; indices; foreign keys.
 * @throws {OmcpError} `invalid_argument` if the schema is not a valid identifier.
 */
export function keyDdl(version: CdmVersion, schema: string): KeyDdl {
  const tables = cdmTables(version);
  return {
    primaryKeys: tables.flatMap(function keys(table) {
      return primaryKey(table, schema);
    }),
    indices: tables.flatMap(function keys(table) {
      return indices(table, schema);
    }),
    foreignKeys: tables.flatMap(function keys(table) {
      return foreignKeys(table, schema);
    }),
  };
}

/** A column's type as Postgres writes it. */
function sqlType(column: CdmColumn): string {
  return column.length === undefined ? column.type : `${column.type}(${column.length})`;
}

function primaryKey(table: CdmTable, schema: string): readonly string[] {
  const keys = table.columns.filter(function isKey(column) {
    return column.primaryKey;
  });
  if (keys.length === 0) return [];
  const columns = keys.map(quoteColumn).join(", ");
  const constraint = quoteIdentifier(`pk_${table.name}`);
  return [
    `ALTER TABLE ${qualifiedName(schema, table.name)} ADD CONSTRAINT ${constraint} PRIMARY KEY (${columns})`,
  ];
}

function indices(table: CdmTable, schema: string): readonly string[] {
  const wanted = [...(LOOKUPS[table.name] ?? [])];
  for (const column of table.columns) {
    const common = column.name === "person_id" || column.name === "visit_occurrence_id";
    // A primary key brings its own index.
    if (common && !column.primaryKey) wanted.push([column.name]);
  }
  return wanted.map(function create(columns) {
    const name = quoteIdentifier(`idx_${table.name}_${columns.join("_")}`.slice(0, 63));
    return `CREATE INDEX ${name} ON ${qualifiedName(schema, table.name)} (${
      columns.map(quoteIdentifier).join(", ")
    })`;
  });
}

function foreignKeys(table: CdmTable, schema: string): readonly string[] {
  return table.columns.flatMap(function refer(column) {
    if (column.references === undefined) return [];
    const constraint = quoteIdentifier(`fk_${table.name}_${column.name}`);
    const target = `${qualifiedName(schema, column.references.table)} (${
      quoteIdentifier(column.references.column)
    })`;
    return [
      `ALTER TABLE ${qualifiedName(schema, table.name)} ADD CONSTRAINT ${constraint} ` +
      `FOREIGN KEY (${quoteColumn(column)}) REFERENCES ${target}`,
    ];
  });
}

function quoteColumn(column: CdmColumn): string {
  return quoteIdentifier(column.name);
}
