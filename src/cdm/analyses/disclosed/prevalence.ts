/** Prevalence where rows must not leave the database. */
import { disclosedPrevalence, prevalenceRows } from "../../../omop/analyses/mod.ts";
import { outcomeOf } from "../call.ts";
import { periodsWithin, prevalenceWords } from "../prevalence.ts";
import { countEach, type DisclosedCall, type DisclosedFound, groupNames } from "./call.ts";
import { requireMonths } from "./check.ts";

const PERIOD = { name: "period", use: "number" } as const;

/**
 * Point or period prevalence. Persons, and persons with the outcome, are two tables: where the latter are few, the former stay.
 *
 * @param call The call.
 */
export async function disclosedPrevalenceOf(call: DisclosedCall): Promise<DisclosedFound> {
  const { request, source } = call;
  const named = await outcomeOf(call);
  const periods = periodsWithin(request, requireMonths(request.periods));
  const { words, ...how } = prevalenceWords(request, named);
  const count = async (cases: boolean) =>
    await countEach(call, (byStrata) => ({
      rows: prevalenceRows({
        source,
        outcome: named.outcome,
        periods,
        strata: request.strata,
        bands: request.age_bands,
        ...how,
      }, { cases, byStrata }),
    }), [PERIOD]);
  const persons = await count(false);
  const cases = await count(true);
  const found = disclosedPrevalence(
    groupNames(call, [persons, cases]),
    { persons: persons.numbers, cases: cases.numbers },
    periods,
  );
  return [words, { ...found, notes: [...named.warnings, ...found.notes] }];
}
