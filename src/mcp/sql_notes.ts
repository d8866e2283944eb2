/** Notes on a statement that a reader needs before using its rows. */
import { OmcpError } from "../errors.ts";
import type { SqlScope } from "../lib/sql_outline.ts";
import { lintSql, sqlConcepts, warningLine } from "../omop/lint/mod.ts";
import { comparedNotes } from "./query_concepts.ts";
import type { CdmService } from "./tool.ts";

/** Milliseconds that the check of a statement may take, and then again the explanation why it found nothing. */
const LINT_MS = 3_000;

/** A statement that has run. */
export interface AskedSql {
  readonly sql: string;
  /** Whose statements take turns in the parser. */
  readonly owner: string;
  /** Whether it found nothing: then the notes say why that may be. */
  readonly empty: boolean;
}

/**
 * Warnings on a statement: mistakes that PostgreSQL does not report, and concepts that are missing, not standard, invalid or of another
 * domain.
 *
 * @param cdm The CDM.
 * @param asked The statement.
 * @param signal The call's.
 * @returns Lines, each once; none for a text that cannot be looked at in time.
 */
export async function sqlNotes(
  cdm: CdmService,
  { sql, owner, empty }: AskedSql,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let outline: readonly SqlScope[] = [];
  function ofConcepts(explaining: boolean, until: AbortSignal): Promise<readonly string[]> {
    const compared = sqlConcepts(outline, cdm.version).map((each) => ({ ...each, empty: explaining }));
    return comparedNotes(cdm.concepts, compared, until);
  }
  const warnings = await inTime(signal, async (until) => {
    outline = await cdm.outline(sql, owner, until) ?? [];
    return [...lintSql(outline, cdm.version).map(warningLine), ...await ofConcepts(false, until)];
  });
  const reasons = empty ? await inTime(signal, (until) => ofConcepts(true, until)) : [];
  return [...new Set([...warnings, ...reasons])];
}

async function inTime(
  signal: AbortSignal,
  notes: (until: AbortSignal) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  try {
    return await notes(AbortSignal.any([signal, AbortSignal.timeout(LINT_MS)]));
  } catch (error) {
    // SQL may name what the vocabulary lacks, as a site's own concepts.
    if (error instanceof OmcpError && error.code === "concept_not_found") {
      return [`Warning: ${error.message}. ${error.next ?? ""}`.trim()];
    }
    signal.throwIfAborted();
    return [];
  }
}
