/** Queries whose numbers may leave the database: their schema, what they may use, and their SQL. Pure. */
export { type DisclosedQuery, disclosedQuerySchema, type DisclosedQueryShape } from "./schema.ts";
export {
  type CompiledDisclosedQuery,
  compileDisclosedQuery,
  type DisclosedGroup,
  type DisclosedOutput,
  gridOf,
} from "./compile.ts";
export { disclosedMeaning } from "./meaning.ts";
export { type DisclosedOptions, type DisclosedValue, hasOwnContributors } from "./cells_sql.ts";
export { AGE_BAND, requireCoarse } from "./columns.ts";
export { compilePersonRows, type PersonRows } from "./person_rows.ts";
export { uniquePersons } from "./unique_persons.ts";
export { compileAttrition, type DisclosedAttrition } from "./attrition.ts";
