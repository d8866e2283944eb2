import { errorResponse, type ServerError } from "../wire/server_error.ts";

/** PostgreSQL's configuration_limit_exceeded: of all settings, only temp_file_limit raises it. */
const CONFIGURATION_LIMIT = "53400";
const DISK_FULL = "53100";
const SPILLED =
  "The statement sorts, joins or groups more than the database may write to its disk. Filter or aggregate before that, " +
  "select fewer columns, or split the statement, as by ranges of person_id.";
const STATEMENT_TIME =
  "The server bounds the time of one statement (OMCP_QUERY_SECONDS): a longer timeout of the cell " +
  "does not change it. Filter or aggregate more, or read a smaller part.";

/**
 * What to do about a limit that only the server knows.
 *
 * @param error The server's error.
 * @returns A hint; undefined for any other error.
 */
export function limitHint({ sqlstate, message }: ServerError): string | undefined {
  if (sqlstate === "57014" && message.includes("statement timeout")) return STATEMENT_TIME;
  return sqlstate === CONFIGURATION_LIMIT || sqlstate === DISK_FULL ? SPILLED : undefined;
}

/**
 * Replaces an error that is too long to be read whole, and may therefore contain what the client must not see.
 *
 * @param bytes The error's length.
 * @returns The whole message.
 */
export function tooLong(bytes: number): Uint8Array {
  return errorResponse({
    severity: "ERROR",
    sqlstate: "XX000",
    message: `the database sent an error of ${bytes} bytes, which is too long to be shown`,
    hint: "Errors repeat values: use shorter ones, as by left(value, 100)",
  });
}
