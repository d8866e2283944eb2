/** Table one where rows must not leave the database. */
import {
  ATTRIBUTES,
  disclosedTableOne,
  NUMBERS,
  type ResultTables,
  type TableOneRow,
  tableOneRows,
} from "../../../omop/analyses/mod.ts";
import { namedCovariates, tableOneWords } from "../table_one.ts";
import { slackOf } from "../../disclosure/mod.ts";
import { type Counted, countParts, type DisclosedCall, type DisclosedFound, groupNames } from "./call.ts";

/**
 * Table one.
 *
 * @param call The call.
 */
export async function disclosedTableOneOf(call: DisclosedCall): Promise<DisclosedFound> {
  const named = await namedCovariates(call);
  const tables = await disclosedDemographics(call);
  return [
    tableOneWords(
      call.request,
      "SD of a sample, no quartiles, which would be single persons' values",
      named.words,
    ),
    { ...tables, notes: [...named.warnings, ...tables.notes] },
  ];
}

/**
 * What persons are like on their index date. Each number and attribute is a table of its own: if one is withheld, the others stay.
 *
 * @param call The call.
 */
export async function disclosedDemographics(call: DisclosedCall): Promise<ResultTables> {
  const { request: { strata, age_bands: bands, covariates: asked }, source } = call;
  const counted: Counted[] = [];
  const count = async (row: TableOneRow, attribute?: string) => {
    const found = await countParts(call, {
      rows: tableOneRows({ source, strata, bands }, row),
      ...(row.kind === "number" ? { values: ["sum", "squares"] as const } : {}),
      groups: attribute === undefined
        ? []
        : [{ name: attribute, use: attribute === "age_group" ? "number" : "concept" }],
    });
    counted.push(found);
    return found.numbers;
  };
  const persons = await count({ kind: "persons" });
  const numbers = [];
  for (const at of NUMBERS.keys()) numbers.push(await count({ kind: "number", at }));
  const attributes = [];
  for (const [at, name] of ATTRIBUTES.entries()) {
    attributes.push(await count({ kind: "attribute", at }, name));
  }
  const covariates = [];
  for (const covariate of asked) {
    covariates.push({ name: covariate.name, numbers: await count({ kind: "covariate", covariate }) });
  }
  return disclosedTableOne(
    groupNames(call, counted),
    { persons, numbers, attributes, covariates },
    { k: call.rules.k, slack: slackOf(call.rules) },
  );
}
