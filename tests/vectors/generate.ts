/**
 * Writes frames.json, the vectors that the TypeScript and the Python side of the channel share.
 * It builds bytes by itself, not with src/agent_protocol, so that the two cannot be wrong together.
 *
 * Longer than 300 lines: most of them are the vectors themselves.
 *
 * Run: deno run --allow-write=tests/vectors tests/vectors/generate.ts
 */

/** Hex, or a list of parts, or parts repeated: so that large inputs stay small on disk. */
type Bytes = string | readonly Bytes[] | { readonly repeat: Bytes; readonly times: number };

const TYPES = {
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
type TypeName = keyof typeof TYPES;

interface Header {
  readonly more?: boolean;
  readonly id?: number;
  readonly seq?: number;
}

interface RawHeader {
  readonly type: number;
  readonly flags?: number;
  readonly reserved?: number;
  readonly id?: number;
  readonly seq?: number;
  readonly length: number;
}

const MAGIC = "f9fbfdfffefcfaf8fff9fdfbfafef8fc";
const NONCE = "00112233445566778899aabbccddeeff";
const NONCE_2 = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
const TO_AGENT = "server_to_agent";
const TO_SERVER = "agent_to_server";

function hex(value: number, bytes: number): string {
  return value.toString(16).padStart(bytes * 2, "0");
}

function text(value: string): string {
  return [...new TextEncoder().encode(value)].map((byte) => hex(byte, 1)).join("");
}

function rawHeader(header: RawHeader): string {
  return hex(header.type, 1) + hex(header.flags ?? 0, 1) + hex(header.reserved ?? 0, 2) +
    hex(header.id ?? 0, 4) + hex(header.seq ?? 0, 4) + hex(header.length, 4);
}

/** A frame's bytes; payload is hex. */
function frame(type: TypeName, header: Header, payload: string): string {
  const flags = header.more === true ? 1 : 0;
  return rawHeader({ ...header, type: TYPES[type], flags, length: payload.length / 2 }) + payload;
}

/** A frame as a reader should report it; payload is hex. */
function seen(type: TypeName, header: Header, payload: Bytes): unknown {
  return { type, more: header.more ?? false, id: header.id ?? 0, seq: header.seq ?? 0, payload };
}

const vectors: unknown[] = [];

/** Adds a vector of whole, right frames. */
function good(direction: string, name: string, list: readonly (readonly [TypeName, Header, string])[]): void {
  vectors.push({
    name,
    layer: "frames",
    direction,
    bytes: list.map(([type, header, payload]) => frame(type, header, payload)).join(""),
    expect: { frames: list.map(([type, header, payload]) => seen(type, header, payload)), pending: 0 },
  });
}

/** Adds a vector whose one header is wrong. Nothing follows it: the header alone must suffice. */
function bad(direction: string, name: string, header: RawHeader & { readonly error: string }): void {
  vectors.push({
    name,
    layer: "frames",
    direction,
    bytes: rawHeader(header),
    expect: { frames: [], error: header.error },
  });
}

function add(vector: Readonly<Record<string, unknown>>): void {
  vectors.push(vector);
}

const PING = "0102030405060708";
const REQUEST = text('{"method":"status","params":{}}');
const EVENT = text('{"type":"execution_state","state":"idle"}');

// ---- frames: right ones
for (const direction of [TO_AGENT, TO_SERVER]) {
  const own = direction === TO_AGENT ? 1 : 2;
  const to = direction === TO_AGENT ? "to agent" : "to server";
  good(direction, `nothing ${to}`, []);
  good(direction, `ping ${to}`, [["PING", {}, PING]]);
  good(direction, `pong of all ones ${to}`, [["PONG", {}, "ffffffffffffffff"]]);
  good(direction, `life of a stream ${to}`, [
    ["OPEN", { id: own }, text('{"service":"postgres"}')],
    ["DATA", { id: own }, "00"],
    ["DATA", { id: own }, "fff8f9"],
    ["CREDIT", { id: own }, "00010000"],
    ["END", { id: own }, ""],
    ["RESET", { id: own }, text("größer als erlaubt")],
  ]);
  good(direction, `other side's stream ${to}`, [
    ["DATA", { id: 3 - own }, "41"],
    ["CREDIT", { id: 3 - own }, "7fffffff"],
    ["END", { id: 3 - own }, ""],
  ]);
  good(direction, `highest id ${to}`, [["DATA", { id: 0xffffffff }, "41"]]);
  good(direction, `reset without a reason ${to}`, [["RESET", { id: own }, ""]]);
  good(direction, `data that looks like a header ${to}`, [
    ["DATA", { id: own }, rawHeader({ type: 255, length: 0xffffffff })],
    ["PING", {}, PING],
  ]);
}
good(TO_AGENT, "request and ack", [["REQUEST", { id: 7 }, REQUEST], ["ACK", { seq: 0xffffffff }, ""]]);
good(TO_AGENT, "request in parts, as frames", [
  ["REQUEST", { id: 7, more: true }, REQUEST.slice(0, 10)],
  ["REQUEST", { id: 7, more: true }, ""],
  ["REQUEST", { id: 7 }, REQUEST.slice(10)],
]);
good(TO_SERVER, "hello and event", [
  ["HELLO", {}, text('{"protocol":1}')],
  ["EVENT", { seq: 1 }, EVENT],
  ["EVENT", { id: 9, seq: 0xffffffff }, text('{"type":"reply","result":null}')],
]);
for (const [type, payload] of [["DATA", 65536], ["RESET", 1024]] as const) {
  const repeated = { repeat: "5a", times: payload };
  add({
    name: `longest ${type}`,
    layer: "frames",
    direction: TO_AGENT,
    bytes: [rawHeader({ type: TYPES[type], id: 1, length: payload }), repeated, frame("PING", {}, PING)],
    expect: { frames: [seen(type, { id: 1 }, repeated), seen("PING", {}, PING)], pending: 0 },
  });
}

// ---- frames: torn
const whole = frame("PING", {}, PING);
const torn: readonly (readonly [string, string])[] = [
  ["one byte", "05"],
  ["fifteen bytes of a header", whole.slice(0, 30)],
  ["a header without its payload", whole.slice(0, 32)],
  ["a payload without its last byte", whole.slice(0, -2)],
  ["data announced and half sent", rawHeader({ type: 8, id: 1, length: 65536 }) + "5a5a5a"],
];
for (const [name, part] of torn) {
  add({
    name: `torn: ${name}`,
    layer: "frames",
    direction: TO_AGENT,
    bytes: whole + part,
    expect: { frames: [seen("PING", {}, PING)], pending: part.length / 2 },
  });
}

// ---- frames: wrong headers
for (const type of [0, 12, 13, 128, 255]) {
  bad(TO_AGENT, `type ${type}`, { type, length: 0, error: "unknown_type" });
  bad(TO_SERVER, `type ${type} to server`, { type, length: 0, error: "unknown_type" });
}
for (const flags of [2, 3, 0x80, 0xff]) {
  bad(TO_AGENT, `request with flags ${flags}`, { type: 2, flags, id: 1, length: 2, error: "bad_flags" });
}
for (const [type, length] of [["PING", 8], ["PONG", 8], ["OPEN", 22], ["DATA", 1], ["CREDIT", 4], ["END", 0],
  ["RESET", 0]] as const) {
  const id = type === "PING" || type === "PONG" ? 0 : 1;
  bad(TO_AGENT, `${type} with MORE`, { type: TYPES[type], flags: 1, id, length, error: "bad_flags" });
}
bad(TO_AGENT, "ACK with MORE", { type: 4, flags: 1, seq: 1, length: 0, error: "bad_flags" });
bad(TO_AGENT, "reserved low byte", { type: 8, reserved: 1, id: 1, length: 1, error: "bad_reserved" });
bad(TO_SERVER, "reserved high byte", { type: 8, reserved: 0x8000, id: 1, length: 1, error: "bad_reserved" });
for (const [type, id, length] of [
  ["DATA", 1, 65537],
  ["DATA", 1, 0x7fffffff],
  ["DATA", 1, 0x80000000],
  ["DATA", 1, 0xffffffff],
  ["DATA", 1, 0],
  ["REQUEST", 1, 65537],
  ["OPEN", 1, 65537],
  ["PING", 0, 0],
  ["PING", 0, 7],
  ["PING", 0, 9],
  ["PONG", 0, 65536],
  ["CREDIT", 1, 0],
  ["CREDIT", 1, 3],
  ["CREDIT", 1, 8],
  ["END", 1, 1],
  ["RESET", 1, 1025],
] as const) {
  bad(TO_AGENT, `${type} of ${length} bytes`, { type: TYPES[type], id, length, error: "bad_length" });
}
bad(TO_AGENT, "ACK with a payload", { type: 4, seq: 1, length: 1, error: "bad_length" });
bad(TO_SERVER, "EVENT of 65537 bytes", { type: 3, seq: 1, length: 65537, error: "bad_length" });
bad(TO_SERVER, "HELLO of 4 GiB", { type: 1, length: 0xffffffff, error: "bad_length" });
for (const type of ["OPEN", "DATA", "CREDIT", "END", "RESET", "REQUEST"] as const) {
  const length = type === "CREDIT" ? 4 : type === "END" ? 0 : 2;
  bad(TO_AGENT, `${type} on id 0`, { type: TYPES[type], id: 0, length, error: "bad_id" });
}
for (const type of ["PING", "PONG"] as const) {
  bad(TO_SERVER, `${type} with an id`, { type: TYPES[type], id: 1, length: 8, error: "bad_id" });
}
bad(TO_AGENT, "ACK with an id", { type: 4, id: 1, seq: 1, length: 0, error: "bad_id" });
bad(TO_SERVER, "HELLO with an id", { type: 1, id: 1, length: 2, error: "bad_id" });
bad(TO_AGENT, "OPEN of an even id by the server", { type: 7, id: 2, length: 2, error: "bad_id" });
bad(TO_SERVER, "OPEN of an odd id by the agent", { type: 7, id: 1, length: 2, error: "bad_id" });
bad(TO_SERVER, "EVENT without a number", { type: 3, seq: 0, length: 2, error: "bad_seq" });
bad(TO_SERVER, "HELLO with a number", { type: 1, seq: 1, length: 2, error: "bad_seq" });
bad(TO_AGENT, "REQUEST with a number", { type: 2, id: 1, seq: 1, length: 2, error: "bad_seq" });
bad(TO_AGENT, "DATA with a number", { type: 8, id: 1, seq: 1, length: 2, error: "bad_seq" });
bad(TO_AGENT, "HELLO to the agent", { type: 1, length: 2, error: "wrong_direction" });
bad(TO_AGENT, "EVENT to the agent", { type: 3, seq: 1, length: 2, error: "wrong_direction" });
bad(TO_SERVER, "REQUEST to the server", { type: 2, id: 1, length: 2, error: "wrong_direction" });
bad(TO_SERVER, "ACK to the server", { type: 4, seq: 1, length: 0, error: "wrong_direction" });
add({
  name: "a right frame, then a wrong one, then a right one",
  layer: "frames",
  direction: TO_AGENT,
  bytes: whole + rawHeader({ type: 99, length: 0 }) + whole,
  expect: { frames: [seen("PING", {}, PING)], error: "unknown_type" },
});

// ---- messages
const SNOW = '{"type":"stream","name":"stdout","text":"Schnee ❄ 🏔 \\u0000 \\ud800"}';
const SNOW_HEX = text(SNOW);
const REPLY = '{"type":"reply","result":{"a":[1,2.5,null,true]}}';

interface MessageCase {
  readonly direction?: string;
  readonly bytes: Bytes;
  readonly messages?: readonly unknown[];
  readonly error?: string;
}

function message(name: string, given: MessageCase): void {
  add({
    name,
    layer: "messages",
    direction: given.direction ?? TO_SERVER,
    bytes: given.bytes,
    expect: { messages: given.messages ?? [], ...(given.error === undefined ? {} : { error: given.error }) },
  });
}

function jsonMessage(type: TypeName, header: Header, json: string): unknown {
  return { type, id: header.id ?? 0, seq: header.seq ?? 0, json: JSON.parse(json) };
}

message("whole messages", {
  bytes: frame("HELLO", {}, text('{"protocol":1,"agent":"1"}')) + frame("EVENT", { id: 3, seq: 1 }, SNOW_HEX) +
    frame("EVENT", { id: 3, seq: 2 }, text(REPLY)),
  messages: [
    jsonMessage("HELLO", {}, '{"protocol":1,"agent":"1"}'),
    jsonMessage("EVENT", { id: 3, seq: 1 }, SNOW),
    jsonMessage("EVENT", { id: 3, seq: 2 }, REPLY),
  ],
});
message("an event, a byte a part, with empty parts", {
  bytes: (SNOW_HEX.match(/../g) ?? []).map((byte) =>
    frame("EVENT", { seq: 1, more: true }, byte) + frame("EVENT", { seq: 1, more: true }, "")
  ).join("") + frame("EVENT", { seq: 1 }, ""),
  messages: [jsonMessage("EVENT", { seq: 1 }, SNOW)],
});
message("a request in two parts around a ping, an ack and data of a stream", {
  direction: TO_AGENT,
  bytes: frame("REQUEST", { id: 5, more: true }, REQUEST.slice(0, 20)) + whole +
    frame("ACK", { seq: 4 }, "") + frame("DATA", { id: 1 }, "41") +
    frame("REQUEST", { id: 5 }, REQUEST.slice(20)),
  messages: [jsonMessage("REQUEST", { id: 5 }, '{"method":"status","params":{}}')],
});
message("two requests interleaved", {
  direction: TO_AGENT,
  bytes: frame("REQUEST", { id: 5, more: true }, REQUEST.slice(0, 20)) +
    frame("REQUEST", { id: 6, more: true }, REQUEST.slice(0, 2)) +
    frame("REQUEST", { id: 5 }, REQUEST.slice(20)) + frame("REQUEST", { id: 6 }, REQUEST.slice(2)),
  messages: [
    jsonMessage("REQUEST", { id: 5 }, '{"method":"status","params":{}}'),
    jsonMessage("REQUEST", { id: 6 }, '{"method":"status","params":{}}'),
  ],
});
message("a later event ends before an earlier one", {
  bytes: frame("EVENT", { id: 8, seq: 1, more: true }, text(REPLY).slice(0, 8)) +
    frame("EVENT", { seq: 2 }, EVENT) + frame("EVENT", { id: 8, seq: 1 }, text(REPLY).slice(8)),
  messages: [
    jsonMessage("EVENT", { seq: 2 }, '{"type":"execution_state","state":"idle"}'),
    jsonMessage("EVENT", { id: 8, seq: 1 }, REPLY),
  ],
});
message("an unfinished message is none", {
  bytes: frame("EVENT", { seq: 1, more: true }, EVENT),
});
const wrongJson: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["a lone brace", text("{")],
  ["a byte order mark", "efbbbf" + text('{"type":"x"}')],
  ["NaN", text('{"type":"x","value":NaN}')],
  ["Infinity", text('{"type":"x","value":-Infinity}')],
  ["invalid UTF-8", text('{"type":"') + "ff" + text('"}')],
  ["an encoded surrogate", text('{"type":"') + "eda080" + text('"}')],
  ["overlong UTF-8", text('{"type":"') + "c0af" + text('"}')],
  ["UTF-16", "7b007d00"],
  ["something after it", text('{"type":"x"} x')],
  ["a raw control character", text('{"type":"') + "0a" + text('"}')],
];
for (const [name, payload] of wrongJson) {
  message(`event whose JSON is ${name}`, { bytes: frame("EVENT", { seq: 1 }, payload), error: "bad_json" });
  message(`request whose JSON is ${name}`, {
    direction: TO_AGENT,
    bytes: frame("REQUEST", { id: 1 }, payload.replaceAll(text("type"), text("method"))),
    error: "bad_json",
  });
}
message("60000 brackets that never close", {
  direction: TO_AGENT,
  bytes: [rawHeader({ type: 2, id: 1, length: 60000 }), { repeat: "5b", times: 60000 }],
  error: "bad_json",
});
for (const json of ["null", "1", '"x"', "[]", "{}", '{"type":1}', '{"type":""}']) {
  message(`event that is ${json}`, { bytes: frame("EVENT", { seq: 1 }, text(json)), error: "bad_message" });
}
for (const json of ["null", "[]", "{}", '{"method":1,"params":{}}', '{"method":""}']) {
  message(`request that is ${json}`, {
    direction: TO_AGENT,
    bytes: frame("REQUEST", { id: 1 }, text(json)),
    error: "bad_message",
  });
}
message("hello without a version", { bytes: frame("HELLO", {}, text('{"protocol":1}')), error: "bad_message" });
message("hello that is a list", { bytes: frame("HELLO", {}, text("[]")), error: "bad_message" });
message("parts of one event with two numbers", {
  bytes: frame("EVENT", { seq: 1, more: true }, EVENT.slice(0, 4)) + frame("EVENT", { seq: 2 }, EVENT.slice(4)),
  error: "bad_seq",
});
message("an event without its forerunner", {
  bytes: frame("EVENT", { seq: 4 }, EVENT) + frame("EVENT", { seq: 6 }, EVENT),
  messages: [jsonMessage("EVENT", { seq: 4 }, '{"type":"execution_state","state":"idle"}')],
  error: "bad_seq",
});
message("events sent again", {
  bytes: [1, 2, 1, 2, 3].map((seq) => frame("EVENT", { seq }, EVENT)).join(""),
  messages: [1, 2, 3].map((seq) => jsonMessage("EVENT", { seq }, '{"type":"execution_state","state":"idle"}')),
});
const piece = (type: TypeName, header: Header): Bytes => [
  rawHeader({ ...header, type: TYPES[type], flags: 1, length: 65536 }),
  { repeat: "20", times: 65536 },
];
message("an event of 16 MiB and a byte", {
  bytes: [{ repeat: piece("EVENT", { seq: 1 }), times: 256 }, frame("EVENT", { seq: 1, more: true }, "20")],
  error: "message_too_long",
});
message("a request of 8 MiB and a byte", {
  direction: TO_AGENT,
  bytes: [{ repeat: piece("REQUEST", { id: 1 }), times: 128 }, frame("REQUEST", { id: 1, more: true }, "20")],
  error: "message_too_long",
});
message("a request of 8 MiB", {
  direction: TO_AGENT,
  bytes: [
    { repeat: piece("REQUEST", { id: 1 }), times: 127 },
    rawHeader({ type: 2, id: 1, length: 65536 }),
    { repeat: "20", times: 65536 - REQUEST.length / 2 },
    REQUEST,
  ],
  messages: [jsonMessage("REQUEST", { id: 1 }, '{"method":"status","params":{}}')],
});

// ---- attaching: the agent's view
interface Attach {
  readonly nonce: string;
  readonly frames: readonly unknown[];
  readonly error?: string;
}

function attach(name: string, given: { bytes: Bytes; attaches: readonly Attach[]; only_last?: true }): void {
  const { bytes, ...expect } = given;
  add({ name, layer: "agent_attach", direction: TO_AGENT, bytes, expect });
}

const ATTACHED = MAGIC + NONCE;
const AGAIN = MAGIC + NONCE_2;
const pinged = [seen("PING", {}, PING)];
attach("attach and a frame", { bytes: ATTACHED + whole, attaches: [{ nonce: NONCE, frames: pinged }] });
attach("noise before the first attach", {
  bytes: "0000f9fbfdff" + text("not a frame") + ATTACHED + whole,
  attaches: [{ nonce: NONCE, frames: pinged }],
});
attach("half a marker before the marker", {
  bytes: MAGIC.slice(0, 30) + ATTACHED + whole,
  attaches: [{ nonce: NONCE, frames: pinged }],
});
attach("an attach after whole frames", {
  bytes: ATTACHED + whole + AGAIN + whole + whole,
  attaches: [{ nonce: NONCE, frames: pinged }, { nonce: NONCE_2, frames: [...pinged, ...pinged] }],
});
attach("an attach in the middle of a header", {
  bytes: ATTACHED + whole + whole.slice(0, 14) + AGAIN + whole,
  attaches: [{ nonce: NONCE, frames: pinged }, { nonce: NONCE_2, frames: pinged }],
});
attach("an attach in the middle of a payload", {
  bytes: ATTACHED + rawHeader({ type: 8, id: 1, length: 1000 }) + "5a5a" + AGAIN + whole,
  attaches: [{ nonce: NONCE, frames: [] }, { nonce: NONCE_2, frames: pinged }],
});
attach("an attach across the end of a torn payload", {
  bytes: ATTACHED + rawHeader({ type: 8, id: 1, length: 10 }) + "5a5a" + AGAIN + whole,
  attaches: [{ nonce: NONCE_2, frames: pinged }],
  only_last: true,
});
attach("an attach in the middle of a nonce", {
  bytes: MAGIC + NONCE.slice(0, 10) + AGAIN + whole,
  attaches: [{ nonce: NONCE_2, frames: pinged }],
  only_last: true,
});
attach("an attach in the middle of a message in parts", {
  bytes: ATTACHED + frame("REQUEST", { id: 1, more: true }, REQUEST) + AGAIN + whole,
  attaches: [
    { nonce: NONCE, frames: [seen("REQUEST", { id: 1, more: true }, REQUEST)] },
    { nonce: NONCE_2, frames: pinged },
  ],
});
attach("a wrong frame, then noise, then an attach", {
  bytes: ATTACHED + rawHeader({ type: 99, length: 0 }) + whole + AGAIN + whole,
  attaches: [{ nonce: NONCE, frames: [], error: "unknown_type" }, { nonce: NONCE_2, frames: pinged }],
});
attach("half a marker in data is data", {
  bytes: ATTACHED + frame("DATA", { id: 1 }, MAGIC.slice(0, 30)) + frame("DATA", { id: 1 }, MAGIC.slice(30)),
  attaches: [{
    nonce: NONCE,
    frames: [seen("DATA", { id: 1 }, MAGIC.slice(0, 30)), seen("DATA", { id: 1 }, MAGIC.slice(30))],
  }],
});

// ---- attaching: the server's view
const hello = frame("HELLO", {}, text('{"protocol":1}'));
const greeted = [seen("HELLO", {}, text('{"protocol":1}'))];

function answer(name: string, bytes: Bytes, expect: unknown): void {
  add({ name, layer: "server_attach", direction: TO_SERVER, nonce: NONCE, bytes, expect });
}

answer("the nonce at once", NONCE + hello, { frames: greeted });
answer("a forged hello before the nonce", frame("HELLO", {}, text('{"protocol":666}')) + NONCE + hello, {
  frames: greeted,
});
answer("another nonce before the nonce", NONCE_2 + whole + NONCE + hello, { frames: greeted });
answer("fifteen bytes of the nonce before the nonce", NONCE.slice(0, 30) + NONCE + hello, { frames: greeted });
answer("nearly 1 MiB of noise before the nonce", [{ repeat: "00", times: 1048560 }, NONCE, hello], {
  frames: greeted,
});
answer("more than 1 MiB without the nonce", { repeat: "00", times: 1048577 }, {
  frames: [],
  error: "no_nonce",
});
answer("never the nonce", NONCE_2 + hello, { frames: [] });

// ---- splitting what a sender sends
function split(name: string, bytes: string, parts: readonly string[]): void {
  add({ name, layer: "split", direction: TO_AGENT, bytes, expect: { parts } });
}

const HEAD = MAGIC.slice(0, 16);
const TAIL = MAGIC.slice(16);
split("data without a marker stays whole", "0102f9fb", ["0102f9fb"]);
split("a marker alone", MAGIC, [HEAD, TAIL]);
split("two markers", "41" + MAGIC + "42" + MAGIC + "43", ["41" + HEAD, TAIL + "42" + HEAD, TAIL + "43"]);
split("markers side by side", MAGIC + MAGIC, [HEAD, TAIL + HEAD, TAIL]);
split("half a marker stays whole", MAGIC.slice(2) + "00" + MAGIC.slice(0, 30), [
  MAGIC.slice(2) + "00" + MAGIC.slice(0, 30),
]);

const lines = vectors.map((vector) => JSON.stringify(vector));
await Deno.writeTextFile(new URL("frames.json", import.meta.url), `[\n${lines.join(",\n")}\n]\n`);
