/** Warnings on a statement, and the concepts that it names. */
import type { CdmVersion } from "../cdm/mod.ts";
import type { ComparedConcepts } from "../query/named_concepts.ts";
import * as concepts from "./concept_rules.ts";
import * as counts from "./count_rules.ts";
import * as joins from "./join_rules.ts";
import type { SqlScope } from "../../lib/sql_outline.ts";
import { type Scope, scopesOf } from "./scope.ts";
import type { LintWarning } from "./warning.ts";

/** Warnings of one statement: more would not be read. */
const MOST_WARNINGS = 5;

/** Each looks at one SELECT and those within it. */
const RULES: readonly ((scope: Scope, inner: readonly Scope[]) => readonly LintWarning[])[] = [
  concepts.nullComparison,
  joins.unrelatedTables,
  joins.personLink,
  joins.keyMismatch,
  joins.keyField,
  concepts.valueSpelling,
  concepts.ancestorDirection,
  concepts.standardMismatch,
  concepts.domainMismatch,
  joins.fanOut,
  joins.eraMix,
  joins.leftJoinLost,
  joins.observationPeriod,
  counts.personsCounted,
  counts.mixedMeasurements,
  concepts.conceptZero,
  concepts.sourceValue,
  concepts.namePattern,
  concepts.codeVocabulary,
  concepts.relationshipMissing,
  counts.birthYearAge,
];

/**
 * Looks for mistakes that PostgreSQL does not report: the statement runs, and its numbers are wrong.
 *
 * @param outline The statement's SELECTs, outer ones first.
 * @param version The CDM's version.
 * @returns At most five warnings, each rule once, the gravest first.
 */
export function lintSql(outline: readonly SqlScope[], version: CdmVersion): readonly LintWarning[] {
  const scopes = scopesOf(outline, version);
  const inner = Map.groupBy(scopes, ({ own }) => own.parent);
  const found = [
    ...RULES.flatMap((rule) => scopes.flatMap((scope, at) => rule(scope, inner.get(at) ?? []))),
    ...joins.eraUnion(scopes),
  ];
  return [...new Map(found.toReversed().map((each) => [each.rule, each])).values()].toReversed()
    .slice(0, MOST_WARNINGS);
}

/**
 * The concepts that a statement compares columns with, for the same check as those of a typed query.
 *
 * @param outline The statement's SELECTs.
 * @param version The CDM's version.
 */
export function sqlConcepts(outline: readonly SqlScope[], version: CdmVersion): readonly ComparedConcepts[] {
  return scopesOf(outline, version).flatMap((scope) =>
    scope.constants(({ column, table }) => /concept_id$/.test(column) && table !== "concept_ancestor")
      .flatMap(
        ({ column: { table, column }, values, comparison: { op } }) => {
          const ids = values.flatMap((value) => /^\d{1,15}$/.test(value) ? [Number(value)] : []);
          return (op === "=" || op === "in") && ids.length > 0 && table !== "concept"
            ? [{ table, column, ids, descendants: false }]
            : [];
        },
      )
  );
}
