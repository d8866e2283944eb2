/** Semantic lint: warnings on queries that run and whose numbers are wrong. Pure. */
export { columnDomain } from "./columns.ts";
export { lintCohort } from "./absence_rules.ts";
export { lintQuery } from "./lint_query.ts";
export { lintSql, sqlConcepts } from "./lint_sql.ts";
export { type LintWarning, warningLine } from "./warning.ts";
