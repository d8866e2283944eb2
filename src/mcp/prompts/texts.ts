/** What the prompts say. Each is a request that a user would make, with the steps that lead to a right answer. */

/**
 * A cohort study: who enters, how many, what happens to them.
 *
 * @param condition What the persons have.
 * @param outcome What may happen to them; undefined: they are described only.
 */
export function cohortStudy(condition: string, outcome: string | undefined): string {
  return [
    `Describe the patients with ${condition} in this OMOP CDM${
      outcome === undefined ? "" : `, and how often ${outcome} follows`
    }.`,
    "",
    "1. describe_cdm: which years are observed, and which tables have rows.",
    `2. search_concepts for ${condition}${
      outcome === undefined ? "" : ` and for ${outcome}`
    }, then expand_concept_set with include_descendants. Show me the sets before you go on if a word has several meanings.`,
    "3. define_cohort: the first such event, with 365 prior_observation_days. Report the attrition.",
    "4. analyze_cohort: characterize, then table_one by sex.",
    ...(outcome === undefined ? [] : [
      `5. analyze_cohort: incidence_rate of ${outcome} with a clean window, by sex and age; then survival without it.`,
    ]),
    "",
    "Report each number with its persons, its denominator and its interval, every warning, and what the data cannot answer.",
  ].join("\n");
}

/**
 * A drug-utilisation study: who takes it, since when, for how long.
 *
 * @param drug The drug or ingredient.
 */
export function drugUtilisation(drug: string): string {
  return [
    `Describe the use of ${drug} in this OMOP CDM.`,
    "",
    `1. search_concepts for ${drug} with domain Drug; take the ingredient, and expand_concept_set with include_descendants for its products.`,
    "2. query_omop on drug_exposure: persons and records by calendar year, and the ten most frequent products.",
    "3. define_cohort of new users: first exposure, 365 prior_observation_days, exit at the end of the drug_era with 30 gap_days.",
    "4. analyze_cohort: characterize (age, sex, conditions before the start), then prevalence by year.",
    "5. How long they stay on it: the cohort's days by query_omop, as median and quartiles; a chart in a sandbox.",
    "",
    "Do not mix drug_exposure and drug_era in one count. Say how many exposures lack an end or a quantity, and what that does to durations.",
  ].join("\n");
}

/**
 * A first look at the quality of the data.
 *
 * @param table A table to look at closely; undefined: all.
 * @param column A column of it; undefined: all.
 */
export function dataQualityLook(table: string | undefined, column: string | undefined): string {
  const subject = table === undefined ? "this OMOP CDM" : column === undefined ? table : `${table}.${column}`;
  return [
    `Take a first look at the quality of the data in ${subject}.`,
    "",
    "1. describe_cdm: source, observed time, and which tables are empty.",
    `2. describe_cdm with ${
      table === undefined ? "" : `table ${table} and `
    }data_quality: true. Explain each failed check: what it means for an analysis, and for which.`,
    table === undefined
      ? "3. For the three largest tables of events: describe_cdm with table, and the share of records without a value or with concept 0."
      : `3. describe_cdm with table ${table}: which columns${
        column === undefined ? "" : ` beside ${column}`
      } have no values.`,
    `4. query_omop: records and persons by calendar year${
      table === undefined ? " of each large table" : ` of ${table}`
    }. Look for gaps, jumps and dates in the future; draw them in a sandbox.`,
    "5. find_measurement for three usual laboratory values: are there numbers, and are their units mixed?",
    "",
    "End with a list: what can be studied on these data, what only with care, and what not.",
  ].join("\n");
}
