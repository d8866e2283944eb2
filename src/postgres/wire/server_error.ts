import { BACKEND, cstring, message } from "./message.ts";

/** The fields of an ErrorResponse that are used here. */
export interface ServerError {
  /** `ERROR`, `FATAL` or `PANIC`, never translated. */
  readonly severity: string;
  /** Five characters, from "PostgreSQL Error Codes", Appendix A of its documentation. */
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Where the error is in the query, in characters from 1. */
  readonly position?: number;
}

const DECODER = new TextDecoder();
const POSITION = 0x50;

/**
 * Reads the body of an ErrorResponse.
 *
 * @param body The body; without a severity it counts as `ERROR`, without a code as `XX000`, without a message as "".
 * @returns Its severity, code and texts.
 */
export function parseServerError(body: Uint8Array): ServerError {
  const detail = fieldText(body, 0x44);
  const hint = fieldText(body, 0x48);
  const position = fieldText(body, POSITION);
  return {
    severity: fieldText(body, 0x56) ?? fieldText(body, 0x53) ?? "ERROR",
    sqlstate: fieldText(body, 0x43) ?? "XX000",
    message: fieldText(body, 0x4d) ?? "",
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
    ...(position === undefined ? {} : { position: Number(position) }),
  };
}

/**
 * Builds an ErrorResponse.
 *
 * @param error Its fields.
 * @returns The whole message.
 */
export function errorResponse(error: ServerError): Uint8Array {
  const { severity, sqlstate, message: text, detail, hint, position } = error;
  let fields = `S${severity}\0V${severity}\0C${sqlstate}\0M${withoutNul(text)}\0`;
  if (detail !== undefined) fields += `D${withoutNul(detail)}\0`;
  if (hint !== undefined) fields += `H${withoutNul(hint)}\0`;
  if (position !== undefined) fields += `P${position}\0`;
  return message(BACKEND.error, cstring(fields));
}

/** Fields that name objects, or show source text, of what the client did not write: views, policies and their functions. */
const HIDDEN: ReadonlySet<number> = new Set([..."pqstcdn"].map((type) => type.charCodeAt(0)));
const CONTEXT = 0x57;
/** Lines of context about what the client wrote. After the first line of another kind, any line may be source text. */
const OWN_CONTEXT = /^(?:JSON data, line \d+: .*|parallel worker|(?:unnamed )?portal .*)$/;

/**
 * Makes of an ErrorResponse or a NoticeResponse what a client may see: without the context and the queries of functions that run
 * within views and policies.
 *
 * @param type Which of the two.
 * @param body Its body.
 * @param position The place in the client's query, in characters from 1, if it is not the same as in the query that was sent.
 * @returns The whole message; undefined if it stays as it is.
 */
export function shownError(type: number, body: Uint8Array, position?: number): Uint8Array | undefined {
  let changed = false;
  const fields = fieldsOf(body).flatMap((field) => {
    const kept = shownField(field, position);
    if (kept !== field) changed = true;
    return kept === undefined ? [] : [kept];
  });
  return changed ? message(type, ...fields, new Uint8Array(1)) : undefined;
}

function shownField(field: Uint8Array, position: number | undefined): Uint8Array | undefined {
  const type = field[0] ?? 0;
  if (HIDDEN.has(type)) return undefined;
  if (type === POSITION && position !== undefined) return cstring(`P${position}`);
  if (type !== CONTEXT) return field;
  const lines = DECODER.decode(field.subarray(1, -1)).split("\n");
  const foreign = lines.findIndex((line) => !OWN_CONTEXT.test(line));
  if (foreign < 0) return field;
  return foreign === 0 ? undefined : cstring(`W${lines.slice(0, foreign).join("\n")}`);
}

/** The text of the field of this type, if there is one. Without views of the other fields: a flood of refusals makes an error for each. */
function fieldText(body: Uint8Array, type: number): string | undefined {
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    if (end < 0) return undefined;
    if (body[at] === type) return DECODER.decode(body.subarray(at + 1, end));
    at = end + 1;
  }
  return undefined;
}

/** The fields of an ErrorResponse, each with its type and its NUL. */
function fieldsOf(body: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    if (end < 0) break;
    fields.push(body.subarray(at, end + 1));
    at = end + 1;
  }
  return fields;
}

function withoutNul(text: string): string {
  return text.replaceAll("\0", "");
}
