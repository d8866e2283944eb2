/** Runs the checks of a CDM's data quality, within a time that is shared by all of them. */
import { errorMessage } from "../../lib/error_message.ts";
import { OmcpError } from "../../errors.ts";
import {
  eventChecks,
  eventTables,
  findings,
  personChecks,
  type QualityCheckId,
  type QualityFinding,
  type QualityStatement,
  type TableCount,
} from "../../omop/quality/mod.ts";
import { integersOf } from "../../omop/concepts/mod.ts";
import { type ConceptSource, readRows } from "../concepts/source.ts";

/** Statements at a time: those of other calls need sessions, too. */
const LANES = 2;

/** What was found, and what could not be looked at. */
export interface QualityReport {
  readonly findings: readonly QualityFinding[];
  /** The tables that were checked. */
  readonly tables: readonly string[];
  /** Table → why it was not checked. */
  readonly unchecked: ReadonlyMap<string, string>;
  /** How long the checks took, in milliseconds, without the start of a local database. */
  readonly ms: number;
}

/** How to check. */
export interface QualityOptions {
  /** Only these tables. @default all */
  readonly tables?: readonly string[] | undefined;
  /** Milliseconds for all statements together. */
  readonly ms: number;
  readonly signal: AbortSignal;
  /** Gets the name of each table when its check starts. */
  readonly onTable?: (table: string) => void;
}

/**
 * Checks a CDM's data.
 *
 * @param source The database.
 * @param options What is checked, and for how long.
 * @returns The findings. A table whose statement fails or exceeds the time is reported as not checked.
 * @throws {OmcpError} What the check of the database throws, and the signal's reason.
 */
export async function dataQuality(source: ConceptSource, options: QualityOptions): Promise<QualityReport> {
  const { tables, ms, signal, onTable } = options;
  // The start of a local database is not a part of the time.
  await source.reader(signal);
  const { schema, version, relations } = source;
  const where = { schema, present: relations };
  const statements = [
    ...personChecks(where),
    ...eventTables(version, relations).map((event) => eventChecks(event, where)),
  ].filter(({ table }) => tables === undefined || tables.includes(table));
  const start = performance.now();
  const counts = new Map<QualityCheckId, TableCount[]>();
  const unchecked = new Map<string, string>();
  const waiting = [...statements];
  async function lane(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { table } = next;
      const left = Math.floor(start + ms - performance.now());
      if (left <= 0) {
        unchecked.set(table, "there was no time left");
        continue;
      }
      onTable?.(table);
      try {
        const [row = []] = await readRows(source, next.statement, signal, left);
        addCounts(counts, next, integersOf(row));
      } catch (error) {
        if (signal.aborted || !(error instanceof OmcpError) || error.code === "database_unavailable") {
          throw error;
        }
        unchecked.set(table, error.code === "timeout" ? "it took too long" : errorMessage(error));
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane));
  const checked = statements.map(({ table }) => table).filter((table) => !unchecked.has(table));
  return { findings: findings(counts), tables: checked, unchecked, ms: performance.now() - start };
}

function addCounts(
  counts: Map<QualityCheckId, TableCount[]>,
  { table, checks }: QualityStatement,
  row: readonly number[],
): void {
  checks.forEach((check, at) => {
    const [found = 0, of = 0] = row.slice(at * 2, at * 2 + 2);
    const known = counts.get(check) ?? [];
    known.push({ table, found, of });
    counts.set(check, known);
  });
}
