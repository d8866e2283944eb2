/** Incidence rates where rows must not leave the database. */
import { disclosedIncidence, incidenceRows } from "../../../omop/analyses/mod.ts";
import { incidenceWords, prepared } from "../time_at_risk.ts";
import { countEach, type DisclosedCall, type DisclosedFound, groupNames } from "./call.ts";

/**
 * Incidence rates. Time at risk and outcomes are two tables: where persons with an outcome are few, the time stays.
 *
 * @param call The call.
 */
export async function disclosedIncidenceOf(call: DisclosedCall): Promise<DisclosedFound> {
  const { analysis, named, common } = await prepared(call);
  const count = async (of: "days" | "outcomes") =>
    await countEach(call, (byStrata) => ({
      rows: incidenceRows(analysis, { of, byStrata }),
      values: ["sum"],
    }));
  const risk = await count("days");
  const outcomes = await count("outcomes");
  const found = disclosedIncidence(groupNames(call, [risk, outcomes]), {
    risk: risk.numbers,
    outcomes: outcomes.numbers,
  });
  return [incidenceWords(call.request, named, common), {
    ...found,
    notes: [...named.warnings, ...found.notes],
  }];
}
