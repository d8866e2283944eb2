import { readUint32 } from "../lib/bytes.ts";
import { ByteSearch } from "./byte_search.ts";
import { ProtocolError, type ProtocolErrorKind } from "./protocol_error.ts";

/** The number of each frame type on the wire (PROTOCOL.md, "Frame"). */
export const FRAME_TYPES = {
  HELLO: 1,
  REQUEST: 2,
  EVENT: 3,
  ACK: 4,
  PING: 5,
  PONG: 6,
  OPEN: 7,
  DATA: 8,
  CREDIT: 9,
  END: 10,
  RESET: 11,
} as const;

/** A frame type's name. */
export type FrameType = keyof typeof FRAME_TYPES;

/** Who sent a frame. */
export type Side = "server" | "agent";

/** A frame's header. */
export interface FrameHeader {
  readonly type: FrameType;
  /** The JSON message continues in the next frame of this type and id. */
  readonly more: boolean;
  /** Request or stream; 0 if the frame belongs to neither. */
  readonly id: number;
  readonly seq: number;
  /** Payload bytes. */
  readonly length: number;
}

/** A whole frame. */
export interface Frame extends Omit<FrameHeader, "length"> {
  /** May be a view on a larger buffer: copy a small payload before storing it. */
  readonly payload: Uint8Array;
}

/** What {@link encodeFrame} takes; `more` is false, `id` and `seq` are 0 and the payload is empty unless given. */
export interface OutgoingFrame {
  readonly type: FrameType;
  readonly more?: boolean;
  readonly id?: number;
  readonly seq?: number;
  readonly payload?: Uint8Array;
}

/** Bytes of a header. */
export const HEADER_BYTES = 16;
/** The longest payload, in bytes. */
export const MAX_PAYLOAD = 65536;
/** The longest reason of a RESET, in bytes. */
export const MAX_REASON = 1024;
/** Bytes of a nonce. */
export const NONCE_BYTES = 16;
/** Announces an attach (PROTOCOL.md, "Attach"): no byte of it occurs in valid UTF-8. */
export const MAGIC: Uint8Array = Uint8Array.fromHex("f9fbfdfffefcfaf8fff9fdfbfafef8fc");

const MORE = 1;
const NAMES: readonly FrameType[] = [
  "HELLO",
  "REQUEST",
  "EVENT",
  "ACK",
  "PING",
  "PONG",
  "OPEN",
  "DATA",
  "CREDIT",
  "END",
  "RESET",
];
const PARTED: ReadonlySet<FrameType> = new Set(["HELLO", "REQUEST", "EVENT"]);
const NO_ID: ReadonlySet<FrameType> = new Set(["HELLO", "ACK", "PING", "PONG"]);
const ONLY_FROM: Readonly<Partial<Record<FrameType, Side>>> = {
  HELLO: "agent",
  EVENT: "agent",
  REQUEST: "server",
  ACK: "server",
};
/** Shortest and longest payload where a type narrows it. */
const LENGTHS: Readonly<Partial<Record<FrameType, readonly [number, number]>>> = {
  ACK: [0, 0],
  PING: [8, 8],
  PONG: [8, 8],
  DATA: [1, MAX_PAYLOAD],
  CREDIT: [4, 4],
  END: [0, 0],
  RESET: [0, MAX_REASON],
};
const magicSearch = new ByteSearch(MAGIC);
const LOWEST_MAGIC_BYTE = Math.min(...MAGIC);
/** Only MAGIC's first two bytes can be the end of a header: they can be the length's two low bytes, but the byte before these is 00 or 01. */
const MAGIC_START_BYTES: ReadonlySet<number> = new Set(MAGIC.subarray(0, 2));

/**
 * Encodes a frame. Copies the payload once.
 *
 * @param frame The frame's fields.
 * @returns Header and payload in one buffer.
 * @throws {RangeError} The payload is longer than {@link MAX_PAYLOAD}.
 */
export function encodeFrame(frame: OutgoingFrame): Uint8Array {
  const length = frame.payload?.length ?? 0;
  if (length > MAX_PAYLOAD) {
    throw new RangeError(
      `Cannot write frame: payload must be at most ${MAX_PAYLOAD} bytes; received ${length}`,
    );
  }
  const bytes = new Uint8Array(HEADER_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FRAME_TYPES[frame.type]);
  view.setUint8(1, frame.more === true ? MORE : 0);
  view.setUint32(4, frame.id ?? 0);
  view.setUint32(8, frame.seq ?? 0);
  view.setUint32(12, length);
  if (frame.payload !== undefined) bytes.set(frame.payload, HEADER_BYTES);
  return bytes;
}

/**
 * Encodes a JSON message as frames; all but the last set MORE.
 *
 * @param frame Type and id; its payload is the whole message.
 * @returns The frames, generated one at a time.
 */
export function* encodeMessage(
  frame: OutgoingFrame & { readonly payload: Uint8Array },
): Generator<Uint8Array> {
  const { payload } = frame;
  let start = 0;
  do {
    const part = payload.subarray(start, start + MAX_PAYLOAD);
    start += MAX_PAYLOAD;
    yield encodeFrame({ ...frame, payload: part, more: start < payload.length });
  } while (start < payload.length);
}

/**
 * Computes how much of a DATA payload fits into one frame without MAGIC, which may occur in the payload or across the
 * header's end and the payload's start (PROTOCOL.md, "Attach").
 *
 * @param payload The bytes to send.
 * @returns At most the payload's length; at least 1 unless the payload is empty.
 */
export function lengthWithoutMagic(payload: Uint8Array): number {
  const found = magicSearch.find(payload);
  const length = found < 0 ? payload.length : found + MAGIC.length / 2;
  const crossesHeader = (payload[0] ?? 0) >= LOWEST_MAGIC_BYTE && MAGIC_START_BYTES.has(length & 0xff);
  return crossesHeader ? length - 1 : length;
}

/**
 * Reads and checks a header.
 *
 * @param bytes At least {@link HEADER_BYTES} from `at` on.
 * @param at Where the header begins.
 * @param from Who sent it.
 * @returns The header.
 * @throws {ProtocolError} A field is outside what PROTOCOL.md allows.
 */
export function readHeader(bytes: Uint8Array, at: number, from: Side): FrameHeader {
  const number = bytes[at] ?? 0;
  const type = NAMES[number - 1];
  if (type === undefined) throw violation("unknown_type", "type", number);
  if ((ONLY_FROM[type] ?? from) !== from) {
    throw new ProtocolError(
      "wrong_direction",
      `Cannot read frame: the ${from} may not send ${type}`,
    );
  }
  const flags = bytes[at + 1] ?? 0;
  if (flags > MORE || (flags === MORE && !PARTED.has(type))) {
    throw violation("bad_flags", `${type} flags`, flags);
  }
  const reserved = (bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0);
  if (reserved !== 0) throw violation("bad_reserved", `${type} reserved field`, reserved);
  const id = readUint32(bytes, at + 4);
  if (!idFits(type, id, from)) throw violation("bad_id", `${type} id`, id);
  const seq = readUint32(bytes, at + 8);
  const seqFits = type === "EVENT" ? seq > 0 : type === "ACK" || seq === 0;
  if (!seqFits) throw violation("bad_seq", `${type} seq`, seq);
  const length = readUint32(bytes, at + 12);
  const [min, max] = LENGTHS[type] ?? [0, MAX_PAYLOAD];
  if (length < min || length > max) throw violation("bad_length", `${type} length`, length);
  return { type, more: flags === MORE, id, seq, length };
}

function idFits(type: FrameType, id: number, from: Side): boolean {
  if (type === "EVENT") return true;
  if (NO_ID.has(type)) return id === 0;
  if (type === "OPEN") return id > 0 && id % 2 === (from === "server" ? 1 : 0);
  return id > 0;
}

function violation(kind: ProtocolErrorKind, what: string, received: number): ProtocolError {
  return new ProtocolError(kind, `Cannot read frame: ${what} is not allowed; received ${received}`);
}
