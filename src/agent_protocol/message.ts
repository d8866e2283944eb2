import * as z from "zod";
import { ProtocolError } from "./protocol_error.ts";

/** An event of the agent. Only its `type` has been checked. */
export type ChannelEvent = { readonly type: string; readonly [key: string]: unknown };

const eventSchema = z.looseObject({ type: z.string().min(1) });
/** The fields that every version of an agent sends. */
const helloSchema = z.looseObject({ protocol: z.number(), agent: z.string() });
const requestSchema = z.looseObject({ method: z.string().min(1) });
const openSchema = z.looseObject({ service: z.string() });
const replySchema = z.union([
  z.object({ type: z.literal("reply"), error: z.object({ code: z.string().max(64), message: z.string() }) }),
  z.object({ type: z.literal("reply"), result: z.unknown() }).refine((reply) => "result" in reply),
]);

/** The reply to a request. */
export type Reply = z.infer<typeof replySchema>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads an EVENT's message.
 *
 * @param body Its bytes.
 * @returns The event.
 * @throws {ProtocolError} `bad_json` or `bad_message`.
 */
export function readEvent(body: Uint8Array): ChannelEvent {
  return read("EVENT", body, eventSchema);
}

/**
 * Reads a HELLO's message.
 *
 * @param body Its bytes.
 * @returns The hello. Only its two versions have been checked.
 * @throws {ProtocolError} `bad_json` or `bad_message`.
 */
export function readHello(
  body: Uint8Array,
): { readonly protocol: number; readonly agent: string; readonly [key: string]: unknown } {
  return read("HELLO", body, helloSchema);
}

/**
 * Reads a REQUEST's message, for tests that act as an agent.
 *
 * @param body Its bytes.
 * @returns The request.
 * @throws {ProtocolError} `bad_json` or `bad_message`.
 */
export function readRequest(body: Uint8Array): { readonly method: string; readonly [key: string]: unknown } {
  return read("REQUEST", body, requestSchema);
}

/**
 * Reads an OPEN's payload.
 *
 * @param body Its bytes.
 * @returns The requested service's name.
 * @throws {ProtocolError} `bad_json` or `bad_message`.
 */
export function readOpen(body: Uint8Array): string {
  return read("OPEN", body, openSchema).service;
}

/**
 * Checks an event of type `reply`.
 *
 * @param event The event.
 * @returns The reply.
 * @throws {ProtocolError} `bad_message`.
 */
export function readReply(event: ChannelEvent): Reply {
  return check("reply", event, replySchema);
}

function read<T>(what: string, body: Uint8Array, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch {
    // The parser's error would quote the received bytes.
    throw new ProtocolError(
      "bad_json",
      `Cannot read ${what}: its ${body.length} bytes are not JSON in UTF-8`,
    );
  }
  return check(what, value, schema);
}

function check<T>(what: string, value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const place = result.error.issues[0]?.path.join(".") ?? "";
  throw new ProtocolError(
    "bad_message",
    `Cannot read ${what}: invalid JSON value${place === "" ? "" : ` at ${place}`}`,
  );
}
