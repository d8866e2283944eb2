/** What columns of the CDM mean, as far as rules need it. */
import { type CdmColumn, cdmTables, type CdmVersion, isTextType } from "../cdm/mod.ts";

/** Tables with many rows of a person. */
export const EVENT_TABLES: ReadonlySet<string> = new Set([
  "condition_occurrence",
  "drug_exposure",
  "procedure_occurrence",
  "device_exposure",
  "measurement",
  "observation",
  "visit_occurrence",
  "visit_detail",
  "note",
  "specimen",
  "condition_era",
  "drug_era",
  "dose_era",
]);

/** Era tables with the table whose rows they join. */
export const ERA_OF: ReadonlyMap<string, string> = new Map([
  ["condition_era", "condition_occurrence"],
  ["drug_era", "drug_exposure"],
  ["dose_era", "drug_exposure"],
]);

const DOMAINS: ReadonlyMap<string, string> = new Map([
  ["condition_concept_id", "Condition"],
  ["drug_concept_id", "Drug"],
  ["procedure_concept_id", "Procedure"],
  ["device_concept_id", "Device"],
  ["measurement_concept_id", "Measurement"],
  ["visit_concept_id", "Visit"],
  ["gender_concept_id", "Gender"],
  ["race_concept_id", "Race"],
  ["ethnicity_concept_id", "Ethnicity"],
  ["unit_concept_id", "Unit"],
  ["route_concept_id", "Route"],
]);

/**
 * The domain of a column's concepts, by OHDSI's conventions.
 *
 * @param column The column, such as `drug_concept_id`.
 * @returns The domain; undefined if concepts of several fit.
 */
export function columnDomain(column: string): string | undefined {
  return column.endsWith("_type_concept_id") ? "Type Concept" : DOMAINS.get(column);
}

/** What can be compared with a column: rows of a table that it is a key of, or a text, or anything. */
export type ColumnKind = { readonly key: string } | "text" | "other";

/** Keys whose table another column names, and that column. */
const POLYMORPHIC: ReadonlyMap<string, RegExp> = new Map([
  ["fact_id_1", /^domain_concept_id_1$/],
  ["fact_id_2", /^domain_concept_id_2$/],
  ["cost_event_id", /^cost_domain_id$/],
  ["measurement_event_id", /^meas_event_field_concept_id$/],
  ["observation_event_id", /^obs_event_field_concept_id$/],
  ["note_event_id", /^note_event_field_concept_id$/],
  ["event_id", /^episode_event_field_concept_id$/],
]);
/** Keys that are named after their table, for which the specification has no reference. */
const NAMED_KEY = /^(?:preceding_|parent_)?(?<table>[a-z_]+?)(?:_parent)?_id$/;

/**
 * The column that names the table of a key.
 *
 * @param column The key, such as `cost_event_id`.
 * @returns A pattern of its name; undefined for a key of one table.
 */
export function fieldOfKey(column: string): RegExp | undefined {
  return POLYMORPHIC.get(column);
}

/**
 * What a column can be compared with.
 *
 * @param table Its table.
 * @param column Its name.
 * @param version The CDM's version.
 */
export function columnKind(table: string, column: string, version: CdmVersion): ColumnKind {
  const found = columnsOf(table, version).find(({ name }) => name === column);
  if (found === undefined || POLYMORPHIC.has(column)) return "other";
  if (found.references !== undefined) return { key: found.references.table };
  if (found.primaryKey) return { key: table };
  if (column === "subject_id") return { key: "person" };
  const named = NAMED_KEY.exec(column)?.groups?.["table"];
  if (named !== undefined && columnsOf(named, version).some(({ primaryKey }) => primaryKey)) {
    return { key: named };
  }
  return isTextType(found.type) ? "text" : "other";
}

/**
 * The columns of a table.
 *
 * @param table The table.
 * @param version The CDM's version.
 * @returns None for a table that the CDM does not have.
 */
export function columnsOf(table: string, version: CdmVersion): readonly CdmColumn[] {
  return cdmTables(version).find(({ name }) => name === table)?.columns ?? [];
}

/** Spellings of values that SQL compares exactly, by column. */
export const VALUES: ReadonlyMap<string, readonly string[]> = new Map([
  ["vocabulary_id", [
    ..."SNOMED,RxNorm,RxNorm Extension,LOINC,ICD10CM,ICD10,ICD9CM,ICD10PCS,ICD9Proc,CPT4,HCPCS,NDC,ATC,UCUM,CVX,Gender,Race"
      .split(
        ",",
      ),
    ..."Ethnicity,Visit,Type Concept,Read,OPCS4,MedDRA,dm+d,NDFRT,VA Class,SPL".split(","),
  ]],
  ["domain_id", [
    ..."Condition,Drug,Procedure,Device,Measurement,Observation,Visit,Gender,Race,Ethnicity,Unit,Route".split(
      ",",
    ),
    ..."Specimen,Meas Value,Type Concept,Provider,Spec Anatomic Site,Relationship,Metadata,Note,Episode"
      .split(","),
  ]],
  ["standard_concept", ["S", "C"]],
  ["concept_class_id", [
    ..."Ingredient,Clinical Drug,Branded Drug,Clinical Finding,Clinical Drug Form,Clinical Drug Comp,Disorder"
      .split(","),
  ]],
  ["relationship_id", ["Maps to", "Mapped from", "Is a", "Subsumes"]],
]);

/** Vocabularies without any standard concept: no standard column of a clinical table has one of theirs. */
export const SOURCE_VOCABULARIES: ReadonlySet<string> = new Set([
  "ICD10CM",
  "ICD10",
  "ICD9CM",
  "NDC",
  "Read",
]);
