export {
  checkPosture,
  MAX_FOUND,
  type PostureProblem,
  type PostureReport,
  requireSafeRole,
} from "./check_posture.ts";
export { postureSql, type PostureTarget } from "./posture_sql.ts";
export type { Severity } from "./question.ts";
