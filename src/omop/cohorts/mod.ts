/** Cohorts as values: a definition in the short form, its SQL, its words and its JSON for circe. Pure. */
export {
  cohortArguments,
  type CohortCriterion,
  type CohortDefinition,
  type CohortDefinitionInput,
  cohortDefinitionSchema,
  type CohortGroup,
  type CohortMember,
  cohortNameSchema,
  isGroup,
} from "./schema.ts";
export { type EventTable, eventTable, type EventTableName } from "./event_tables.ts";
export { readCohort } from "./read.ts";
export {
  allRules,
  type CohortExit,
  type CohortExpression,
  type CohortRule,
  type EventCriteria,
  type EventLimit,
  eventsOf,
  type RuleGroup,
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
export { fromCirce } from "./from_circe.ts";
export { toCirce } from "./circe.ts";
