import { concatBytes } from "../../lib/bytes.ts";
import { OmcpError } from "../../errors.ts";
import { BACKEND, cstring, FRONTEND, int32, message } from "../wire/message.ts";
import { converse, parseRow, type TextRow } from "./query.ts";
import type { UpstreamSession } from "./upstream.ts";

/** A statement of our own with its parameters. */
export interface OwnStatement {
  /** SQL with `$1`, `$2`… */
  readonly sql: string;
  /** Texts without NUL; Postgres infers their types. */
  readonly parameters: readonly string[];
}

/** How much a statement may return. */
export interface RowLimits {
  /** Rows at most. */
  readonly rows: number;
  /** Bytes of all rows together. */
  readonly bytes: number;
}

/** What a statement returned. */
export interface RowTotals {
  readonly rows: number;
  readonly bytes: number;
}

const ENCODER = new TextEncoder();
const NO_FORMATS = new Uint8Array(2);

/**
 * Runs one statement of our own over a session that nobody else uses, with the extended protocol: values never become SQL.
 *
 * @param session An idle session; idle again afterwards unless this throws.
 * @param statement The statement.
 * @param limits More than this is an error: a statement of our own has a LIMIT if it needs one.
 * @param take Gets each row; while the promise that it returns is pending, the server waits.
 * @throws {OmcpError} `database_refused` with the server's error or for a result beyond the limits, `database_unavailable` if the
 * connection is lost.
 */
export async function runStatement(
  session: UpstreamSession,
  { sql, parameters }: OwnStatement,
  limits: RowLimits,
  take: (row: TextRow) => Promise<void> | void,
): Promise<RowTotals> {
  const bytes = concatBytes([
    message(FRONTEND.parse, cstring(""), cstring(sql), NO_FORMATS),
    message(FRONTEND.bind, cstring(""), cstring(""), NO_FORMATS, ...bound(parameters), NO_FORMATS),
    message(FRONTEND.execute, cstring(""), int32(0)),
    message(FRONTEND.sync),
  ]);
  const totals = { rows: 0, bytes: 0 };
  await converse(session, bytes, limits.bytes, ({ type, body }) => {
    if (type !== BACKEND.dataRow) return;
    totals.rows += 1;
    totals.bytes += body.length;
    if (totals.rows > limits.rows || totals.bytes > limits.bytes) throw tooLarge(limits);
    return take(parseRow(body));
  });
  return totals;
}

/** The count of parameters, and each with its length. */
function bound(parameters: readonly string[]): readonly Uint8Array[] {
  const count = Uint8Array.of(parameters.length >> 8, parameters.length & 0xff);
  const values = parameters.flatMap((text) => {
    const value = ENCODER.encode(text);
    return [int32(value.length), value];
  });
  return [count, ...values];
}

function tooLarge({ rows, bytes }: RowLimits): OmcpError {
  return new OmcpError(
    "database_refused",
    `A statement of the server's own returned more than ${rows} rows or ${bytes} bytes`,
    { next: "Ask for less: a lower limit, or narrower filters." },
  );
}
