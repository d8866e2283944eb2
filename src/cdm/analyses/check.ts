/** Which arguments an analysis takes. */
import { OmcpError } from "../../errors.ts";
import type { AnalysisRequest } from "../../omop/analyses/mod.ts";

/** Analyses of an outcome. */
const WITH_OUTCOME: ReadonlySet<AnalysisRequest["analysis"]> = new Set([
  "incidence_rate",
  "survival",
  "prevalence",
]);

/**
 * Refuses arguments that an analysis would ignore, or lacks.
 *
 * @param request The analysis.
 * @throws {OmcpError} `invalid_argument` for the first of them.
 */
export function checkRequest(request: AnalysisRequest): void {
  const { analysis, cohort, comparator, outcome, strata, age_bands: bands, covariates } = request;
  const needs = WITH_OUTCOME.has(analysis);
  const named = outcome === undefined ? 0 : Object.values(outcome).filter((one) => one !== undefined).length;
  if (needs && outcome === undefined) {
    refuse(`Cannot compute ${analysis}: outcome is missing`, OUTCOME);
  }
  if (needs && named !== 1) {
    refuse(`Cannot read outcome: it has ${named} of cohort, items and death`, OUTCOME);
  }
  if (!needs && outcome !== undefined) {
    refuse(`Cannot use outcome in ${analysis}`, "Leave it out; covariates of table_one counts records.");
  }
  if (comparator !== undefined && cohort === undefined) {
    refuse("Cannot use comparator without cohort", "Pass both, or cohort alone.");
  }
  if (comparator !== undefined && comparator === cohort) {
    refuse("Cannot compare a cohort with itself", "Name another cohort as comparator.");
  }
  if (analysis === "characterize" && (comparator !== undefined || strata.length > 0)) {
    refuse("Cannot use comparator or strata in characterize", "Use table_one to compare groups.");
  }
  if (analysis === "prevalence" && strata.includes("year")) {
    refuse('Cannot use the stratum "year" in prevalence', 'Use periods: {"every": "year"}.');
  }
  if (new Set(strata).size < strata.length) refuse("Duplicate name in strata", "Name each once.");
  if (covariates.length > 0 && analysis !== "table_one") {
    refuse(`Cannot use covariates in ${analysis}`, "They are for table_one.");
  }
  const reversed = covariates.find(({ from_day, to_day }) => from_day > to_day);
  if (reversed !== undefined) {
    refuse(
      `Cannot use the covariate ${JSON.stringify(reversed.name)}: its days are reversed`,
      `Pass from_day ${reversed.to_day} and to_day ${reversed.from_day}.`,
    );
  }
  if (bands.some((band, at) => at > 0 && band <= (bands[at - 1] ?? 0))) {
    refuse(
      "Cannot use age_bands: they must rise",
      `Pass ${JSON.stringify([...new Set(bands)].sort((a, b) => a - b))}.`,
    );
  }
}

const OUTCOME =
  'Pass {"cohort": name}, {"items": [{"concept_id": …, "include_descendants": true}]} or {"death": true}.';

function refuse(message: string, next: string): never {
  throw new OmcpError("invalid_argument", message, { next });
}
