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

/**
 * Gives an ErrorResponse another position and leaves the rest as it is.
 *
 * @param body The body.
 * @param position In the query, in characters from 1.
 * @returns The whole message.
 */
export function movedError(body: Uint8Array, position: number): Uint8Array {
  const fields = fieldsOf(body).map((field) => field[0] === POSITION ? cstring(`P${position}`) : field);
  return message(BACKEND.error, ...fields, new Uint8Array(1));
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
