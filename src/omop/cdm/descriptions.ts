/** Short explanations of columns: by name or, where several columns share a meaning, by their names' ending. */

const BY_NAME: Readonly<Record<string, string>> = {
  person_id: "The person.",
  year_of_birth: "Year of birth; age is counted from it.",
  gender_concept_id: "Sex: 8507 male, 8532 female.",
  race_concept_id: "Race.",
  ethnicity_concept_id: "Ethnicity: 38003563 Hispanic, 38003564 not Hispanic.",
  visit_occurrence_id: "The visit during which it happened.",
  visit_detail_id: "The part of the visit during which it happened.",
  visit_concept_id: "Kind of visit: 9201 inpatient, 9202 outpatient, 9203 emergency.",
  preceding_visit_occurrence_id: "The person's visit before this one.",
  admitting_source_concept_id: "Where the person came from.",
  admitted_from_concept_id: "Where the person came from.",
  discharge_to_concept_id: "Where the person went.",
  discharged_to_concept_id: "Where the person went.",
  provider_id: "Who gave the care.",
  care_site_id: "Where the care was given.",
  location_id: "The place.",
  stop_reason: "Why it ended.",
  refills: "Refills after the first dispensing.",
  quantity: "How much was given, dispensed or used.",
  days_supply: "Days that the supply lasts.",
  sig: "The prescription's directions.",
  verbatim_end_date: "The end date as the source had it.",
  operator_concept_id: "Comparison before the value, such as <.",
  value_as_number: "The value, if it is a number.",
  value_as_string: "The value, if it is text.",
  value_as_concept_id: "The value, if it is a concept.",
  unit_concept_id: "Unit of the value.",
  range_low: "Lower end of the normal range.",
  range_high: "Upper end of the normal range.",
  death_date: "Day of death.",
  cause_concept_id: "Cause of death.",
  standard_concept: "S standard, C classification, null neither.",
  concept_code: "The code within its vocabulary.",
  invalid_reason: "D deleted, U replaced, null valid.",
  min_levels_of_separation: "Fewest steps from ancestor to descendant.",
  max_levels_of_separation: "Most steps from ancestor to descendant.",
  ancestor_concept_id: "The broader concept.",
  descendant_concept_id: "The narrower concept, or the same.",
  condition_occurrence_count: "Occurrences that make up the era.",
  drug_exposure_count: "Exposures that make up the era.",
  gap_days: "Days in the era without supply.",
  offset: "Position of the term in the note.",
  subject_id: "The member, usually a person_id.",
};

const BY_ENDING: readonly (readonly [string, string])[] = [
  ["_type_concept_id", "Where the record comes from, such as a claim or a health record."],
  ["_event_field_concept_id", "Which column the event id is taken from."],
  ["_source_concept_id", "The concept of the source's code."],
  ["_source_value", "The code or text as the source had it."],
  ["_start_datetime", "First moment."],
  ["_end_datetime", "Last moment."],
  ["_start_date", "First day."],
  ["_end_date", "Last day."],
  ["_concept_id", "A concept; its name is in concept.concept_name."],
];

/**
 * A short explanation of a column.
 *
 * @param name The column's name.
 * @returns The explanation, or undefined if the name is clear by itself.
 */
export function describeColumn(name: string): string | undefined {
  if (Object.hasOwn(BY_NAME, name)) return BY_NAME[name];
  return BY_ENDING.find(function matches([ending]) {
    return name.endsWith(ending);
  })?.[1];
}
