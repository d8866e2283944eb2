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
  const fields = new Map(
    fieldsOf(body).map((field) => [field[0] ?? 0, DECODER.decode(field.subarray(1, -1))]),
  );
  const detail = fields.get(0x44);
  const hint = fields.get(0x48);
  const position = fields.get(POSITION);
  return {
    severity: fields.get(0x56) ?? fields.get(0x53) ?? "ERROR",
    sqlstate: fields.get(0x43) ?? "XX000",
    message: fields.get(0x4d) ?? "",
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
  const fields = [
    cstring(`S${error.severity}`),
    cstring(`V${error.severity}`),
    cstring(`C${error.sqlstate}`),
    cstring(`M${withoutNul(error.message)}`),
  ];
  if (error.detail !== undefined) fields.push(cstring(`D${withoutNul(error.detail)}`));
  if (error.hint !== undefined) fields.push(cstring(`H${withoutNul(error.hint)}`));
  if (error.position !== undefined) fields.push(cstring(`P${error.position}`));
  return message(BACKEND.error, ...fields, new Uint8Array(1));
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
