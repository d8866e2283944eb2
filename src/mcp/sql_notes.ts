/** What is to be said of a statement before its rows are believed. */
import { OmcpError } from "../errors.ts";
import { lintSql, sqlConcepts, warningLine } from "../omop/lint/mod.ts";
import { comparedNotes } from "./query_concepts.ts";
import type { CdmService } from "./tool.ts";

/** How long looking at a statement may take besides its run, in ms. */
const LINT_MS = 3_000;

/** A statement. */
export interface AskedSql {
  readonly sql: string;
  /** Whose statements take turns in the parser. */
  readonly owner: string;
  /** Whether it has run and found nothing: then only what may explain that. @default false */
  readonly empty?: boolean;
}

/**
 * Warnings on a statement: mistakes that PostgreSQL does not report, and concepts that are missing, not standard, invalid or of another
 * domain.
 *
 * @param cdm The CDM.
 * @param asked The statement.
 * @param signal The call's.
 * @returns Lines; none for a text that cannot be looked at in time.
 */
export async function sqlNotes(
  cdm: CdmService,
  { sql, owner, empty = false }: AskedSql,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const late = AbortSignal.timeout(LINT_MS);
  const until = AbortSignal.any([signal, late]);
  try {
    const outline = await cdm.outline(sql, owner, until) ?? [];
    const compared = sqlConcepts(outline, cdm.version).map((each) => ({ ...each, empty }));
    return [
      ...(empty ? [] : lintSql(outline, cdm.version).map(warningLine)),
      ...await comparedNotes(cdm.concepts, compared, until),
    ];
  } catch (error) {
    // SQL may name what the vocabulary lacks, as a site's own concepts.
    if (error instanceof OmcpError && error.code === "concept_not_found") {
      return [`Warning: ${error.message}. ${error.next ?? ""}`.trim()];
    }
    signal.throwIfAborted();
    return [];
  }
}
