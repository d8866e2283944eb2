/** A report on the quality of data, for a model. */
import type { QualityReport } from "../cdm/quality/quality.ts";
import { counted } from "../lib/counted.ts";
import { showable } from "../lib/text.ts";
import { percent, type QualityFinding, type TableCount } from "../omop/quality/mod.ts";

/** The most tables that are listed for one check. */
const MOST_TABLES = 8;

/**
 * Writes a report.
 *
 * @param report What was found.
 * @returns The failed checks first; each with its name, its verdict, counts by table, and what they mean.
 */
export function qualityText({ findings, tables, unchecked, ms }: QualityReport): string {
  const failed = findings.filter(({ verdict }) => verdict === "failed");
  const look = findings.filter(({ verdict }) => verdict === "look");
  const passed = findings.filter(({ verdict }) => verdict === "passed");
  return [
    `Data quality: ${counted(findings.length, "check")} of ${counted(tables.length, "table")} in ${
      (ms / 1000).toFixed(1)
    } s: ${failed.length} failed, ${look.length} to look at, ${passed.length} passed.`,
    "Names and thresholds are those of OHDSI's DataQualityDashboard (DQD); a table fails above the threshold. Achilles counts without a threshold.",
    ...[...unchecked].map(([table, why]) => `[not checked: ${table}: ${showable(why)}]`),
    ...section("Failed", failed),
    ...section("To look at", look),
    ...section("Passed", passed),
  ].join("\n");
}

function section(title: string, findings: readonly QualityFinding[]): readonly string[] {
  return findings.length === 0 ? [] : ["", `${title}:`, ...findings.map(line)];
}

function line({ name, by, meaning, threshold, tables, found, of }: QualityFinding): string {
  const limit = threshold === undefined ? "" : `, at most ${threshold} %`;
  const shown = tables.slice(0, MOST_TABLES).map(tableText);
  if (tables.length > shown.length) shown.push(`and ${tables.length - shown.length} more tables`);
  const where = shown.length === 0 ? "" : `: ${shown.join("; ")}`;
  return `- ${name} (${by}${limit}): ${meaning}: ${found.toLocaleString("en")} of ${
    of.toLocaleString("en")
  }${where}`;
}

function tableText(count: TableCount): string {
  const share = percent(count);
  return `${count.table} ${count.found.toLocaleString("en")} of ${count.of.toLocaleString("en")} (${
    share < 0.01 ? "< 0.01" : share.toFixed(2)
  } %)`;
}
