/** Reads and checks the contents of a client's messages. */
import { FrontendProtocolError, MAX_MESSAGE_BYTES, MAX_SQL_BYTES } from "../wire/frontend.ts";
import { readUint32 } from "../../lib/bytes.ts";
import { FRONTEND } from "../wire/message.ts";
import type { StatementPlan } from "../guard/mod.ts";
import type { Refusal } from "./refusals.ts";

/** PostgreSQL's longest name (NAMEDATALEN − 1): it cuts longer ones to this length. */
export const MAX_NAME_BYTES = 63;

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads an SQL text.
 *
 * @param body A message's body, whose only NUL after `offset` is its end.
 * @param offset Where the text begins.
 * @returns The text, or the refusal of a message without a valid text.
 */
export function decodeSql(body: Uint8Array, offset: number): string | { readonly refusal: Refusal } {
  const end = body.indexOf(0, offset);
  if (end !== body.length - 1) {
    return { refusal: { sqlstate: "08P01", message: "invalid message: SQL text with a NUL in it" } };
  }
  if (end - offset > MAX_SQL_BYTES) {
    const text = `SQL text of ${
      end - offset
    } bytes is longer than the ${MAX_SQL_BYTES} that are allowed in a sandbox`;
    return { refusal: { sqlstate: "54000", message: text } };
  }
  try {
    return STRICT_UTF8.decode(body.subarray(offset, end));
  } catch {
    return {
      refusal: { sqlstate: "22021", message: 'invalid byte sequence for encoding "UTF8" in SQL text' },
    };
  }
}

/**
 * Returns the one plan of a Parse message, which may hold one statement only.
 *
 * @param plans What was planned for its text.
 * @returns The one plan; a refusal if there are several.
 */
export function single(plans: readonly StatementPlan[]): StatementPlan {
  const [only] = plans;
  if (only === undefined) return { kind: "forward", sql: "", command: "empty", places: [], normalized: "" };
  if (plans.length === 1) return only;
  const refused = plans.find((plan) => plan.kind === "refuse");
  const text = "cannot insert multiple commands into a prepared statement";
  return refused ?? { kind: "refuse", sqlstate: "42601", message: text, normalized: null };
}

/** Refuses a long name. @param name The name. @returns The refusal. */
export function nameTooLong(name: string): Refusal {
  return {
    sqlstate: "42622",
    message: `name of ${name.length} bytes is longer than the ${MAX_NAME_BYTES} that are allowed`,
  };
}

/**
 * Reads the types that a Parse declares its parameters with.
 *
 * @param body The message's body.
 * @param offset Offset of their number, after the SQL text.
 * @returns Their OIDs.
 * @throws {FrontendProtocolError} The body holds more or fewer types than its count says.
 */
export function parameterTypes(body: Uint8Array, offset: number): readonly number[] {
  const count = ((body[offset] ?? 0) << 8) | (body[offset + 1] ?? 0);
  if (body.length !== offset + 2 + 4 * count) throw new FrontendProtocolError("invalid Parse message");
  return Array.from({ length: count }, (_, index) => readUint32(body, offset + 2 + 4 * index));
}

/** Refuses a type. @param oid The type. @returns The refusal. */
export function foreignType(oid: number): Refusal {
  return {
    sqlstate: "42501",
    message: `the type with OID ${oid} is not allowed for a parameter`,
    hint: "Declare it with a data type of PostgreSQL itself, such as text, or with none (OID 0).",
  };
}

/**
 * Refuses a message that is too long to be read.
 *
 * @param type The message's type.
 * @param size Its bytes.
 * @returns The refusal.
 */
export function oversized(type: number, size: number): Refusal {
  const sql = type === FRONTEND.query || type === FRONTEND.parse;
  const limit = sql ? MAX_SQL_BYTES : MAX_MESSAGE_BYTES;
  return {
    sqlstate: "54000",
    message: `${
      sql ? "SQL text" : "message"
    } of ${size} bytes is longer than the ${limit} that are allowed in a sandbox`,
    hint: "Use a join or a subquery in place of a long list.",
  };
}
