/** Survival where rows must not leave the database. */
import { curveDays, disclosedSurvival, FEWEST_OF_CURVE, survivalRows } from "../../../omop/analyses/mod.ts";
import { leastShown } from "../../disclosure/mod.ts";
import { prepared, survivalWords } from "../time_at_risk.ts";
import { countEach, type DisclosedCall, type DisclosedFound, groupNames } from "./call.ts";

const PLACE = { name: "place", use: "number" } as const;

/**
 * Survival.
 *
 * @param call The call.
 */
export async function disclosedSurvivalOf(call: DisclosedCall): Promise<DisclosedFound> {
  const { request } = call;
  const { analysis, named, common } = await prepared(call);
  const ends = curveDays(request.at_days);
  const count = async (days: readonly number[]) =>
    await countEach(
      call,
      (byStrata) => ({ rows: survivalRows(analysis, { days, byStrata }) }),
      days.length === 0 ? [] : [PLACE],
    );
  const start = await count([]);
  const isDrawn = start.numbers.cells.some(({ persons }) => persons >= FEWEST_OF_CURVE);
  const places = isDrawn ? await count(ends) : start;
  const found = disclosedSurvival(
    groupNames(call, [start, places]),
    { start: start.numbers, places: places.numbers },
    { ends, shown: request.at_days, least: leastShown(call.rules) },
  );
  return [
    survivalWords(request, named, common, { byIntervals: true }),
    { ...found, notes: [...named.warnings, ...found.notes] },
  ];
}
