/** Which arguments an analysis takes. */
import { OmcpError } from "../../errors.ts";
import { type AnalysisRequest, analysisSchema } from "../../omop/analyses/mod.ts";
import { refuseOnlyExcludes } from "../../omop/concepts/mod.ts";

type Analysis = AnalysisRequest["analysis"];

/** Arguments that only some analyses take: argument → those analyses. */
const TAKEN_BY: Readonly<Partial<Record<keyof AnalysisRequest, readonly Analysis[]>>> = {
  outcome: ["incidence_rate", "survival", "prevalence"],
  comparator: ["incidence_rate", "survival", "prevalence", "table_one"],
  strata: ["incidence_rate", "survival", "prevalence", "table_one"],
  time_at_risk: ["incidence_rate", "survival"],
  clean_window_days: ["incidence_rate", "survival"],
  at_days: ["survival"],
  periods: ["prevalence"],
  covariates: ["table_one"],
  window_days: ["characterize"],
  top: ["characterize"],
};

const OUTCOME =
  'Pass {"cohort": name}, {"items": [{"concept_id": …, "include_descendants": true}]} or {"death": true}.';

/**
 * Refuses arguments that an analysis would ignore, lacks or cannot use.
 *
 * @param request The analysis.
 * @throws {OmcpError} `invalid_argument` for the first of them.
 */
export function checkRequest(request: AnalysisRequest): void {
  const { analysis, cohort, comparator, strata } = request;
  refuseIgnored(request);
  if (TAKEN_BY.outcome?.includes(analysis) === true) checkOutcome(request);
  if (comparator !== undefined && cohort === undefined) {
    refuse("Cannot use comparator without cohort", "Pass both, or cohort alone.");
  }
  if (comparator !== undefined && comparator === cohort) {
    refuse("Cannot compare a cohort with itself", "Name another cohort as comparator.");
  }
  if (analysis === "prevalence" && strata.includes("year")) {
    refuse('Cannot use the stratum "year" in prevalence', 'Use periods: {"every": "year"}.');
  }
  if (new Set(strata).size < strata.length) refuse("Duplicate name in strata", "Name each once.");
  checkSets(request);
  checkOrder(request);
}

function checkSets({ outcome, covariates }: AnalysisRequest): void {
  refuseOnlyExcludes(outcome?.items, "outcome");
  for (const { name, items } of covariates) {
    refuseOnlyExcludes(items, `the covariate ${JSON.stringify(name)}`);
  }
}

/** An argument that has its default may have been left out. */
function refuseIgnored(request: AnalysisRequest): void {
  const defaults = analysisSchema.parse({ analysis: request.analysis });
  for (const [name, analyses] of Object.entries(TAKEN_BY)) {
    const given = Object.entries(request).find(([key]) => key === name)?.[1];
    const usual = Object.entries(defaults).find(([key]) => key === name)?.[1];
    if (analyses.includes(request.analysis) || JSON.stringify(given) === JSON.stringify(usual)) continue;
    const instead = name === "periods" && TAKEN_BY.strata?.includes(request.analysis) === true
      ? ' For calendar years, pass strata: ["year"].'
      : "";
    refuse(
      `Cannot use ${name} in ${request.analysis}`,
      `Leave it out: it is for ${analyses.join(", ")}.${instead}`,
    );
  }
}

function checkOutcome({ analysis, outcome }: AnalysisRequest): void {
  if (outcome === undefined) refuse(`Cannot compute ${analysis}: outcome is missing`, OUTCOME);
  const named = Object.values(outcome).filter((one) => one !== undefined).length;
  if (named !== 1) refuse(`Cannot read outcome: it has ${named} of cohort, items and death`, OUTCOME);
}

function checkOrder({ covariates, age_bands: bands }: AnalysisRequest): void {
  const reversed = covariates.find(({ from_day, to_day }) =>
    from_day !== undefined && to_day !== undefined && from_day > to_day
  );
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

function refuse(message: string, next: string): never {
  throw new OmcpError("invalid_argument", message, { next });
}
