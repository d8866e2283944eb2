/** What the concept tools must find in GiBleed, whose vocabulary has gaps: the questions q01, q02, q03 and q07 of ../shared/questions. */
import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import type { Caller } from "../../fixtures/mcp/executions.ts";

const ANSWERS: readonly (readonly [tool: string, input: Record<string, unknown>, answer: RegExp])[] = [
  [
    "search_concepts",
    { text: "peptic ulcer", domain: "Condition" },
    /^4027663 \| Peptic ulcer \| Condition \| SNOMED 13200003 \|.*\| name \|.*802 records, 802 persons in condition_occurrence$/m,
  ],
  [
    "search_concepts",
    { code: "K92.2" },
    /^35208414 \|.*479 records, 479 persons in condition_occurrence \(as source concept\) \| → Maps to 192671 Gastrointestinal hemorrhage \(Condition, 479 records, 479 persons/m,
  ],
  [
    "search_concepts",
    { text: "heart attack" },
    /^4329847 \| Myocardial infarction \|.*\| synonym "Heart attack" \|/m,
  ],
  [
    "search_concepts",
    { text: "ibuprofin" },
    /^1177480 \| Ibuprofen \|.*no records; 2,148 records under 2 descendants$/m,
  ],
  [
    "expand_concept_set",
    { items: [{ concept_id: 4283893, include_descendants: true }] },
    /^4 concepts: 4 Condition, standard\n[^]*^4283893 \| Sinusitis \|.*1,001 records, 833 persons/m,
  ],
  ["get_concept", { concept_id: 4283893 }, /^Ancestors: 49,.*lacks 49 of them$/m],
  [
    "find_measurement",
    { text: "hemoglobin" },
    /none has numbers\.\nThe whole measurement table has no number [^]*^3000963 \|.*\| no unit \| 137 \| 136 \| 0 \| 0 \| no values$/m,
  ],
  [
    "get_concept",
    { concept_id: 22298006 },
    /^Error concept_not_found:[^]*it is the code of 4329847 Myocardial infarction/,
  ],
];

/**
 * Checks the answers.
 *
 * @param server A server of GiBleed.
 */
export async function assertGibleedConcepts(server: Caller): Promise<void> {
  await eventually(
    async () => !(await server.call("search_concepts", { text: "ulcer" })).text.includes("\n["),
    "the index is ready, and the records are counted",
    60_000,
  );
  for (const [tool, input, answer] of ANSWERS) {
    assert.match((await server.call(tool, input)).text, answer);
  }
}
