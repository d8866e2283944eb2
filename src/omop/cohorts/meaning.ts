/** A cohort's definition in plain words, so that its caller can see whether it is the cohort that was meant. */
import type { ConceptSet } from "../concepts/mod.ts";
import { counted } from "../../lib/counted.ts";
import { MOST_NAME } from "./schema.ts";
import {
  type CohortExit,
  type CohortExpression,
  type CohortRule,
  type EventCriteria,
  type RuleGroup,
  SEX,
} from "./expression.ts";

/** Concepts of a set that the words name. */
const SHOWN = 5;

/**
 * What a definition means.
 *
 * @param expression The definition.
 * @returns Lines.
 */
export function cohortMeaning(expression: CohortExpression): readonly string[] {
  const { entry, observation, entryLimit, rules, limit, exit, censoring, mergeGapDays } = expression;
  return [
    `Entry: ${entryLimit === "all" ? "" : `each person's ${entryLimit} `}${
      entry.map(eventText).join(", or ")
    }; ${observationLabel(observation)}`,
    ...rules.map((rule) => `Rule: ${ruleText(rule)}`),
    ...(limit === "all" ? [] : [`Kept: each person's ${limit} entry event that meets all rules`]),
    `Exit: ${exitText(exit)}${
      censoring.length === 0 ? "" : `, or earlier at ${censoring.map(eventText).join(", or at ")}`
    }`,
    ...(mergeGapDays === 0
      ? []
      : [`Merged: periods of a person at most ${counted(mergeGapDays, "day")} apart`]),
  ];
}

/**
 * A rule's line in the attrition.
 *
 * @param rule The rule.
 */
export function ruleName(rule: CohortRule): string {
  const name = rule.kind === "events" || rule.kind === "group" ? rule.name : undefined;
  const text = name ?? ruleText(rule);
  return rule.kind !== "group" || text.length <= MOST_NAME
    ? text
    : `${groupText(rule)} ${counted(rule.rules.length, "condition")}`;
}

/**
 * What entry events need of observation.
 *
 * @param observation Days before and after.
 */
export function observationLabel({ priorDays, postDays }: CohortExpression["observation"]): string {
  const days = [
    ...(priorDays === 0 ? [] : [`${counted(priorDays, "day")} before`]),
    ...(postDays === 0 ? [] : [`${counted(postDays, "day")} after`]),
  ];
  return `under observation at the start${days.length === 0 ? "" : ` and for ${days.join(" and ")}`}`;
}

function ruleText(rule: CohortRule): string {
  switch (rule.kind) {
    case "age":
      return `age ${rangeText(rule.min, rule.max)}, ${
        rule.completedYears ? "in completed years" : "as year of entry minus year of birth"
      }`;
    case "sex":
      return rule.concept === SEX.female ? "female" : "male";
    case "events": {
      const { is, number } = rule.count;
      const count = is === "at most" && number === 0
        ? "no"
        : is === "at least" && number === 1
        ? "a"
        : `${is} ${number}`;
      return `${count} ${eventText(rule.events)}${windowText(rule)}`;
    }
    case "group":
      return `${groupText(rule)} (${rule.rules.map(ruleText).join("; ")})`;
  }
}

function groupText({ count: { is, number }, rules }: RuleGroup): string {
  if (is === "at most") return number === 0 ? "none of" : `at most ${number} of`;
  return number === rules.length ? "all of" : number === 1 ? "any of" : `at least ${number} of`;
}

function eventText({ table, cohort, concepts, first, dates, value, units }: EventCriteria): string {
  return [
    `${first ? "first ever " : ""}${cohort === undefined ? table : `period of cohort ${cohort.name}`}`,
    ...(concepts === undefined ? [] : [` of ${setText(concepts)}`]),
    ...(dates.from === undefined && dates.to === undefined ? [] : [
      ` that starts ${dates.from === undefined ? "" : `from ${dates.from} `}${
        dates.to === undefined ? "" : `to ${dates.to}`
      }`.trimEnd(),
    ]),
    ...(value.min === undefined && value.max === undefined
      ? []
      : [` with value ${rangeText(value.min, value.max)}`]),
    ...(units === undefined ? [] : [` in unit ${units.join(" or ")}`]),
  ].join("");
}

function setText({ items }: ConceptSet): string {
  const shown = items.slice(0, SHOWN).map(({ concept_id, include_descendants, include_mapped, exclude }) =>
    [
      exclude === true ? "without " : "",
      String(concept_id),
      include_descendants === true ? " with descendants" : "",
      include_mapped === true ? " with mapped" : "",
    ].join("")
  );
  const rest = items.length - shown.length;
  return `${shown.join(", ")}${rest > 0 ? ` and ${counted(rest, "more concept")}` : ""}`;
}

function rangeText(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return max === undefined ? "known" : `at most ${max}`;
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}

function windowText(
  { window: { from, to }, outsideObservation }: CohortRule & { readonly kind: "events" },
): string {
  if (from === undefined && to === undefined) {
    return outsideObservation ? ", at any time" : ", at any time of the observation period";
  }
  const ends = outsideObservation
    ? ["any time before", "any time after"] as const
    : ["the start of observation", "the end of observation"] as const;
  const outside = outsideObservation ? ", in or outside the observation period" : "";
  return `, from ${dayText(from, ends[0])} to ${dayText(to, ends[1])}${outside}`;
}

function dayText(day: number | undefined, otherwise: string): string {
  if (day === undefined) return otherwise;
  if (day === 0) return "the day of entry";
  return `${counted(Math.abs(day), "day")} ${day < 0 ? "before" : "after"} entry`;
}

function exitText(exit: CohortExit): string {
  switch (exit.kind) {
    case "observation":
      return "end of the observation period";
    case "offset":
      return `${
        counted(exit.days, "day")
      } after the ${exit.from} of the entry event, at the latest at the end of the observation period`;
    case "drug era":
      return `end of continuous exposure to ${setText(exit.concepts)} with gaps of at most ${
        counted(exit.gapDays, "day")
      }, at the latest at the end of the observation period`;
  }
}
