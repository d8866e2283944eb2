/** Typed queries over an OMOP CDM: their schema, and their compilation to SQL with bound values. */
export {
  AGGREGATE_FUNCTIONS,
  type AggregateFunction,
  DEFAULT_LIMIT,
  FILTER_OPS,
  type FilterOp,
  MAX_IN_VALUES,
  MAX_LIMIT,
  type OmopAggregate,
  type OmopFilter,
  type OmopQuery,
  type OmopQueryInput,
  omopQuerySchema,
  type OmopQueryShape,
  resultNameSchema,
} from "./schema.ts";
export { QUERY_HINTS, ROW_QUERY_HINTS } from "./filter_hints.ts";
export { type CompiledOmopQuery, compileOmopQuery, type CompileOptions } from "./compile.ts";
export type { RowSource } from "./cohort_table.ts";
export { type PersonSet, personSet } from "./person_set.ts";
export type { ResultColumn, ResultType } from "./result_type.ts";
export { isReservedPythonName, PYTHON_NAME_PATTERN } from "./python_name.ts";
