import assert from "node:assert/strict";
import { describeAnalysis } from "../../../src/mcp/analysis_text.ts";
import type { AnalysisResult } from "../../../src/omop/analyses/mod.ts";

const SERIES = { name: "users", x: [0, 7], y: [1, 0.5] };

function result(rows: number): AnalysisResult {
  const of = (count: number) => Array.from({ length: count }, (_, at) => ["users", String(at)]);
  return {
    understood: "Survival.",
    notes: ["users: 3 persons, 3 entries."],
    shown: { columns: ["cohort", "day"], rows: of(rows) },
    table: { columns: ["cohort", "day"], rows: of(rows * 100) },
    chart: { kind: "steps", title: "Free", x: "days", y: "share", series: [SERIES], left: 2 },
  };
}

Deno.test("describeAnalysis() shows 100 rows, and says how many more there are and where", () => {
  const alone = describeAnalysis(result(103), undefined);
  assert.match(
    alone,
    /^Understood: Survival\.\nusers: 3 persons, 3 entries\.\n\ncohort \| day\nusers \| 0\n/,
  );
  assert.match(alone, /\nusers \| 99\n… 3 more rows: pass sandbox_id for all of them as a DataFrame$/);
  const left = describeAnalysis(result(103), { into: "curve", rows: 8_000, chart: "drawn" });
  assert.match(
    left,
    /^The numbers are in the sandbox as the DataFrame `curve`: 8,000 rows with cohort, day\.\n/,
  );
  assert.match(left, /^\[truncated: these are the first of 10,300 rows; use fewer strata\]$/m);
  assert.match(left, /^… 3 more rows$/m);
  const whole = describeAnalysis(result(103), { into: "curve", rows: 10_300, chart: "drawn" });
  assert.match(whole, /^… 3 more rows in `curve`$/m);
  assert.doesNotMatch(whole, /truncated/);
  assert.match(
    left,
    /\n\[image 1\] steps: Free; days against share; 1 series: users; 2 more are not drawn$/,
  );
});

Deno.test("describeAnalysis() says why there is no chart", () => {
  const failed = {
    into: "curve",
    rows: 100,
    chart: "failed",
    problem: "ImportError: no matplotlib",
  } as const;
  assert.match(describeAnalysis(result(1), failed), /\n\[no chart: ImportError: no matplotlib\]$/);
  const nothing = { ...result(1), chart: undefined };
  assert.match(
    describeAnalysis(nothing, { into: "curve", rows: 100, chart: "none" }),
    /\n\[no chart: there is nothing to draw\]$/,
  );
});

Deno.test("describeAnalysis() escapes what names of concepts may contain", () => {
  const named = { ...result(0), shown: { columns: ["name"], rows: [["\u001b[2Jgone"]] } };
  assert.equal(describeAnalysis(named, undefined).includes("\u001b"), false);
});
