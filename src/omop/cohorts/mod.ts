/** Cohorts as values: a definition in the short form, its SQL, its words and its JSON for circe. Pure. */
export {
  cohortArguments,
  type CohortDefinition,
  type CohortDefinitionInput,
  cohortDefinitionSchema,
  cohortNameSchema,
} from "./schema.ts";
export { type EventTable, eventTable, type EventTableName } from "./event_tables.ts";
export { readCohort } from "./read.ts";
export {
  type CohortExit,
  type CohortExpression,
  type CohortRule,
  type EventCriteria,
  type EventLimit,
  eventsOf,
} from "./expression.ts";
export {
  type Attrition,
  cohortAttrition,
  type CohortRow,
  cohortSelect,
  cohortSize,
  cohortSteps,
} from "./compile.ts";
export { cohortMeaning } from "./meaning.ts";
export { toCirce } from "./circe.ts";
