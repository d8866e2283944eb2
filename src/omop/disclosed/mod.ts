/** Queries whose numbers may leave the database: their schema, what they may use, and their SQL. Pure. */
export { type DisclosedQuery, disclosedQuerySchema, type DisclosedQueryShape } from "./schema.ts";
export {
  type CompiledDisclosedQuery,
  compileDisclosedQuery,
  type DisclosedGroup,
  type DisclosedOptions,
  type DisclosedOutput,
  type DisclosedValue,
} from "./compile.ts";
export { compileAttrition, type DisclosedAttrition } from "./attrition.ts";
