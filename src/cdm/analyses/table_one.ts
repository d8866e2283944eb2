/** Table one. */
import {
  attributeCounts,
  ATTRIBUTES,
  type CountedCovariate,
  covariateCounts,
  numberSummaries,
  type ResultTables,
  strataWords,
  type TableOneAnalysis,
  type TableOneRows,
  tableOneTables,
} from "../../omop/analyses/mod.ts";
import { type Call, type Found, namedSet } from "./call.ts";

/**
 * Table one.
 *
 * @param call The call.
 */
export async function tableOne(call: Call): Promise<Found> {
  const { tables, warnings, covariates } = await demographics(call);
  return [
    `Table one: each person's first entry, whose start is the index date; age in completed years, prior observation and follow-up in days from the index date to the start and end of its observation period; shares of the group's persons; SD of a sample, quartiles interpolated${
      strataWords(call.request, "the index date")
    }${covariates === "" ? "" : `; covariates: ${covariates}`}.`,
    { ...tables, notes: [...warnings, ...tables.notes] },
  ];
}

/** Demographics, and what they were counted from. */
export interface Demographics {
  readonly tables: ResultTables;
  readonly warnings: readonly string[];
  /** The covariates in words. */
  readonly covariates: string;
}

/**
 * What persons are like on their index date.
 *
 * @param call The call.
 */
export async function demographics(call: Call): Promise<Demographics> {
  const { request, population, source, rows } = call;
  const { strata, age_bands: bands } = request;
  const analysis: TableOneAnalysis = { population, source, strata, bands };
  call.progress("summarising persons");
  const covariates: CountedCovariate[] = [];
  const words: string[] = [];
  const warnings: string[] = [];
  for (const covariate of request.covariates) {
    const named = await namedSet(call, { items: covariate.items });
    words.push(
      `${covariate.name} is a record of ${named.words} in days ${covariate.from_day} to ${covariate.to_day}`,
    );
    warnings.push(...named.warnings);
    covariates.push({ name: covariate.name, rows: await rows.read(covariateCounts(analysis, covariate)) });
  }
  const counted: TableOneRows = {
    numbers: await rows.read(numberSummaries(analysis)),
    attributes: await rows.read(attributeCounts(analysis)),
    covariates,
  };
  // The genders of the strata are among these: everybody has a row of the attribute.
  const from = 1 + strata.length;
  const concepts = counted.attributes.filter((row) => Number(row[from]) !== ATTRIBUTES.indexOf("age_group"))
    .flatMap((row) => row[from + 1] ?? []).map(Number);
  const names = { strata, bands, cohorts: call.cohorts, concepts: await rows.names(concepts) };
  return { tables: tableOneTables(names, counted), warnings, covariates: words.join("; ") };
}
