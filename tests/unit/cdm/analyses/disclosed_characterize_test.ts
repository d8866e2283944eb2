import assert from "node:assert/strict";
import { disclosedCharacterize } from "../../../../src/cdm/analyses/disclosed/characterize.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { OmcpError } from "../../../../src/errors.ts";
import { disclosedAnalysisSchema } from "../../../../src/omop/analyses/mod.ts";

/** A released table without a cell. */
const TABLE = {
  query: { statement: { sql: "", parameters: [] }, groups: [], values: [], outputs: [] },
  cells: [],
  names: new Map<string, string>(),
  remaining: 5,
  facts: { fingerprint: "", persons: null, rows: 0, withheld: 0, adjusted: 0, derived: 0 },
};

Deno.test("characterize says how it can be narrowed where the budget does not suffice for its concepts", async () => {
  const call = {
    request: disclosedAnalysisSchema.parse({ analysis: "characterize" }),
    source: {
      schema: "cdm",
      version: "5.4",
      relations: new Set(["condition_occurrence"]),
      reader: () => Promise.reject(new Error("this test reads no database")),
    },
    signal: new AbortController().signal,
    cohort: () => assert.fail(),
    cohorts: [{ name: "everybody", population: { schema: "cdm", groups: [undefined] } }],
    persons: [100],
    derived: [false],
    rules: PRESETS.cms,
    count: (_population: unknown, { groups }: { readonly groups: readonly { readonly name: string }[] }) =>
      groups.some(({ name }) => name === "concept")
        ? Promise.reject(
          new OmcpError("capacity", "More than 5", { state: "Nothing was released.", retryable: false }),
        )
        : Promise.resolve(TABLE),
  } as const;
  await assert.rejects(disclosedCharacterize(call), {
    code: "capacity",
    message: "More than 5",
    state: "Nothing of this table was released; what was released before it stays free.",
    retryable: false,
    next: /shorter window_days/,
  });
});
