/** The rules that decide what an aggregate may show: presets of known programmes, and what an operator changes in them. */

/** Which presets there are. */
export const PRESET_NAMES = ["ohdsi", "cms", "opensafely", "acro"] as const;

/** Which preset. */
export type PresetName = typeof PRESET_NAMES[number];

/** The rules in force. */
export interface DisclosureRules {
  readonly preset: PresetName;
  /** Fewer persons than this are protected: no number rests on them, nor a difference of numbers. */
  readonly k: number;
  /** Released numbers of persons and records are rounded to a multiple of this; 1: exact. */
  readonly roundTo: number;
  /** The most numbers that a principal may learn, margins included: rule R8. */
  readonly budget: number;
}

/** Where a preset comes from, for people who must defend it. */
export interface Preset extends DisclosureRules {
  readonly source: string;
}

/** The default. */
export const DEFAULT_PRESET: PresetName = "cms";

const BUDGET = 2_000;

/** All presets. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  ohdsi: {
    preset: "ohdsi",
    k: 5,
    roundTo: 1,
    budget: BUDGET,
    source: "OHDSI's tools: minCellCount 5 by default",
  },
  cms: {
    preset: "cms",
    k: 11,
    roundTo: 1,
    budget: BUDGET,
    source: "CMS cell size suppression policy: no cell of 1 to 10, and none that can be derived",
  },
  opensafely: {
    preset: "opensafely",
    // Withholds up to 7, then rounds to 5: with 5 as the limit, rounding would reveal 6 and 7.
    k: 8,
    roundTo: 5,
    budget: BUDGET,
    source: "OpenSAFELY's statistical disclosure control: counts of at most 7 withheld, then rounded to 5",
  },
  acro: {
    preset: "acro",
    k: 10,
    roundTo: 1,
    budget: BUDGET,
    source: "ACRO (SACRO): threshold 10, n-k rule with 2 and 90 %, p % rule with 10 %",
  },
};

/**
 * Rounds a released number as the rules say.
 *
 * @param value The number.
 * @param rules The rules in force.
 */
export function rounded(value: number, { roundTo }: Pick<DisclosureRules, "roundTo">): number {
  return roundTo === 1 ? value : Math.round(value / roundTo) * roundTo;
}

/**
 * What may be shown of how often concepts occur: the same for every caller, and not in the ledger. So each shown number stands for at least
 * 2k counts: its difference from an exact answer does not show a few persons.
 *
 * @param rules The rules in force.
 * @returns The fewest persons, and rounding: to two significant digits, and to a multiple of 2k if that is coarser.
 */
export function shownCounts({ k, roundTo }: Pick<DisclosureRules, "k" | "roundTo">): {
  readonly leastPersons: number;
  readonly round: (count: number) => number;
} {
  const least = Math.max(2 * k, roundTo);
  return {
    leastPersons: leastShown({ k }),
    round: (count) => {
      const step = Math.max(least, 10 ** (Math.floor(Math.log10(Math.max(count, 1))) - 1));
      return Math.max(least, Math.round(count / step) * step);
    },
  };
}

/**
 * The fewest persons of a group that is shown, and of a difference of two numbers that are shown: 2k − 1. The persons of a group of g, whose number
 * is known, can leave one by one until nobody is left. Somewhere on the way the answer must change. With g ≤ 2k − 2, it changes where fewer than k
 * have left or fewer than k remain, and so shows how many of these few were in the group.
 *
 * @param rules The rules in force.
 */
export function leastShown({ k }: Pick<DisclosureRules, "k">): number {
  return 2 * k - 1;
}

/**
 * By how many persons a released number may differ from the true one, because a question gets the answer of an earlier one about nearly the same
 * persons, and because numbers may be rounded. Further questions near the later one can get that answer, too; how far it is off for them is not
 * bounded.
 *
 * @param rules The rules in force.
 */
export function slackOf(rules: Pick<DisclosureRules, "k" | "roundTo">): number {
  return leastShown(rules) - 1 + Math.floor(rules.roundTo / 2);
}
