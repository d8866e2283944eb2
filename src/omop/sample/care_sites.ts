import type { SampleRow } from "./copy_text.ts";

/** The hospital and the practices, the hospital first, each with its location. */
const SITES: readonly (readonly [string, number])[] = [
  ["Sample General Hospital", 1],
  ["North Street Practice", 2],
  ["Market Square Practice", 3],
  ["Lakeside Practice", 4],
];
const TOWNS = ["Sampleton", "Northfield", "Marketown", "Lakeside", "Hillview", "Westbrook"];
const PROVIDERS_PER_SITE = 3;

/** How many locations persons live in. */
export const LOCATIONS: number = TOWNS.length;

/** The rows of OMOP's health system tables and of `cdm_source`, in the order in which they are written. */
export const HEALTH_SYSTEM_ROWS: Readonly<Record<string, (version: string) => readonly SampleRow[]>> = {
  cdm_source: sourceRows,
  location: () =>
    TOWNS.map((city, at) => ({
      location_id: at + 1,
      city,
      state: "XX",
      zip: `0000${at + 1}`,
      location_source_value: `town-${at + 1}`,
    })),
  care_site: () =>
    SITES.map(([name, location], at) => ({
      care_site_id: at + 1,
      care_site_name: name,
      location_id: location,
      care_site_source_value: `site-${at + 1}`,
    })),
  provider: providerRows,
};

/**
 * The care site and the provider that a person visits.
 *
 * @param person The person's number.
 * @param hospital Whether the person visits the hospital; otherwise it is the person's own practice.
 * @returns The ids of the care site and the provider.
 */
export function careProvider(
  person: number,
  hospital: boolean,
): { readonly site: number; readonly provider: number } {
  const site = hospital ? 1 : 2 + person % (SITES.length - 1);
  return { site, provider: (site - 1) * PROVIDERS_PER_SITE + 1 + person % PROVIDERS_PER_SITE };
}

function providerRows(): readonly SampleRow[] {
  return Array.from({ length: SITES.length * PROVIDERS_PER_SITE }, function row(_, at) {
    return {
      provider_id: at + 1,
      provider_name: `Provider ${at + 1}`,
      care_site_id: 1 + Math.floor(at / PROVIDERS_PER_SITE),
      year_of_birth: 1960 + (at * 7) % 35,
      gender_concept_id: at % 2 === 0 ? 8532 : 8507,
      provider_source_value: `provider-${at + 1}`,
    };
  });
}

function sourceRows(version: string): readonly SampleRow[] {
  return [{
    cdm_source_name: "OMCP synthetic sample",
    cdm_source_abbreviation: "OMCP sample",
    cdm_holder: "Nobody: these persons were never born",
    source_description: "A synthetic population from a seeded generator. No row is about a real person.",
    cdm_etl_reference: version,
    source_release_date: "2024-12-31",
    cdm_release_date: "2024-12-31",
    cdm_version: "5.4",
    cdm_version_concept_id: 756265,
    vocabulary_version: "sample subset",
  }];
}
