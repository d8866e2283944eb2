/** The OMOP Common Data Model, 5.3 and 5.4, as data: tables, types, zod enums and DDL. */
export {
  CDM_VERSIONS,
  type CdmColumn,
  type CdmGroup,
  type CdmTable,
  type CdmType,
  type CdmVersion,
  cdmVersionIn,
  DEFAULT_CDM_VERSION,
  isConceptColumn,
  isTextType,
} from "./notation.ts";
export { allTableNames, cdmTable, cdmTables } from "./tables.ts";
export { createTable, type KeyDdl, keyDdl, tableDdl } from "./ddl.ts";
export { cdmVersionSchema, tableNameSchema } from "./schemas.ts";
export type { CdmDatabase, CdmRow, CdmTableName } from "./database.ts";
