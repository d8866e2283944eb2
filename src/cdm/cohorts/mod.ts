/** The cohorts that the server holds. */
export { type AttritionCount, CdmCohorts } from "./cohorts.ts";
export type { Held, HeldCohort } from "./store.ts";
