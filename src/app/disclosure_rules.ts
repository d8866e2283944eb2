import { type DisclosureRules, type PresetName, PRESETS } from "../cdm/disclosure/rules.ts";

/** The settings that choose the rules. */
export interface DisclosureSettings {
  readonly preset: PresetName;
  /** OMCP_MIN_CELL. */
  readonly least: number | undefined;
  /** OMCP_DISCLOSURE_UNSAFE. */
  readonly unsafe: "" | "min-cell";
}

/**
 * The rules that the settings choose.
 *
 * @param settings The settings.
 * @param problems Gets a sentence for each setting that contradicts another.
 */
export function disclosureRules(
  { preset, least, unsafe }: DisclosureSettings,
  problems: string[],
): DisclosureRules | undefined {
  // The value of an invalid setting is undefined, although its type excludes that.
  const rules: DisclosureRules | undefined = PRESETS[preset];
  if (rules === undefined || least === undefined) return rules;
  if (least < rules.k && unsafe !== "min-cell") {
    problems.push(
      `OMCP_MIN_CELL must be at least ${rules.k} with OMCP_DISCLOSURE_PRESET=${preset}, or OMCP_DISCLOSURE_UNSAFE must be min-cell`,
    );
  }
  return { ...rules, k: least };
}
