/** Where concepts are read from: the configured database through the server's own statements. */
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../../omop/cdm/mod.ts";
import type { Statement } from "../../omop/sql_compiler.ts";
import type { OwnReader, TextRow } from "../../postgres/mod.ts";

/** The database, as the concepts need it. */
export interface ConceptSource {
  readonly schema: string;
  readonly version: CdmVersion;
  /** The CDM's tables that there are and that may be read; empty until the database has been checked. */
  readonly relations: ReadonlySet<string>;
  /** Checks the database, unless it has been checked. */
  reader(signal: AbortSignal): Promise<Pick<OwnReader, "read" | "stream">>;
}

/** Limits of a tool's statement: far above what its LIMIT lets it return. */
const ROWS = 50_000;
const BYTES = 32 * 1024 * 1024;
/** How long a tool waits for one statement, in ms. */
const READ_MS = 30_000;

/**
 * Handles that a statement exceeds its own time while the call goes on: what it would add is then left out of the result.
 *
 * @param signal The call's.
 * @returns For `catch()`: makes undefined of a timeout, and throws every other error.
 */
export function late(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (signal.aborted || !(error instanceof OmcpError) || error.code !== "timeout") throw error;
    return undefined;
  };
}

/**
 * Runs a statement of a tool.
 *
 * @param source The database.
 * @param statement The statement.
 * @param signal The call's.
 * @param ms Milliseconds that it may take. @default 30,000
 * @returns The rows.
 * @throws {OmcpError} `timeout`, `database_refused`, `database_unavailable`, and what the check of the database throws.
 */
export async function readRows(
  source: ConceptSource,
  statement: Statement,
  signal: AbortSignal,
  ms: number = READ_MS,
): Promise<readonly TextRow[]> {
  const reader = await source.reader(signal);
  return await reader.read(statement, { rows: ROWS, bytes: BYTES, ms }, signal);
}
