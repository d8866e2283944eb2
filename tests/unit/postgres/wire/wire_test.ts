import { concatBytes } from "../../../../src/lib/bytes.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteReader, TruncatedStreamError } from "../../../../src/lib/byte_reader.ts";
import {
  type FrontendMessage,
  FrontendProtocolError,
  MAX_SQL_BYTES,
  readFrontendMessage,
  takeMessage,
} from "../../../../src/postgres/wire/frontend.ts";
import {
  BACKEND,
  cstring,
  FRONTEND,
  HEADER_BYTES,
  int32,
  message,
  readName,
} from "../../../../src/postgres/wire/message.ts";
import { readOpening } from "../../../../src/postgres/wire/opening.ts";
import { errorResponse, parseServerError, shownError } from "../../../../src/postgres/wire/server_error.ts";
import { repetitions } from "../../../fixtures/load.ts";

function readerOf(bytes: Uint8Array, cuts: readonly number[] = []): ByteReader {
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const chunks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
  return new ByteReader(ReadableStream.from(chunks));
}

/** Reads as the relay does. */
async function nextMessage(reader: ByteReader): Promise<FrontendMessage | undefined> {
  return takeMessage(reader) ?? await readFrontendMessage(reader);
}

Deno.test("readFrontendMessage() gives back what was sent, however it is cut", async () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(bodies, fc.array(fc.nat(), { maxLength: 20 }), async (all, cuts) => {
      const reader = readerOf(concatBytes(all.map((body) => message(FRONTEND.bind, body))), cuts);
      for (const body of all) {
        assert.deepEqual(await nextMessage(reader), {
          type: FRONTEND.bind,
          body: Uint8Array.from(body),
          bytes: message(FRONTEND.bind, body),
        });
      }
      assert.equal(await nextMessage(reader), undefined);
    }),
    { numRuns: repetitions(200) },
  );
});

Deno.test("readFrontendMessage() ends in a message or a typed error for any bytes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const reader = readerOf(bytes);
      try {
        while (await nextMessage(reader) !== undefined) { /* on to the next */ }
      } catch (error) {
        assert.ok(
          error instanceof FrontendProtocolError || error instanceof TruncatedStreamError,
          String(error),
        );
      }
    }),
    { numRuns: repetitions(500) },
  );
});

Deno.test("readFrontendMessage() passes over SQL that is too long without holding it", async () => {
  const long = message(FRONTEND.query, new Uint8Array(MAX_SQL_BYTES + 2));
  const reader = readerOf(concatBytes([long, message(FRONTEND.sync)]));
  assert.equal((await nextMessage(reader))?.oversized, MAX_SQL_BYTES + 2);
  assert.equal((await nextMessage(reader))?.type, FRONTEND.sync);
});

Deno.test("readFrontendMessage() refuses a gigabyte before a byte of it comes", async () => {
  const reader = readerOf(concatBytes([Uint8Array.of(FRONTEND.bind), int32(2 ** 30)]));
  await assert.rejects(readFrontendMessage(reader), FrontendProtocolError);
});

Deno.test("readOpening() returns or throws a typed error, for any bytes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (body) => {
      const opening = await readOpening(readerOf(concatBytes([int32(body.length + 4), body])));
      assert.ok(
        opening === undefined || ["startup", "encryption", "cancel", "invalid"].includes(opening.kind),
      );
    }),
    { numRuns: repetitions(500) },
  );
});

Deno.test("parseServerError() reads what errorResponse() wrote", () => {
  const error = {
    severity: "ERROR",
    sqlstate: "42501",
    message: "no\nway",
    detail: "d",
    hint: "h",
    position: 7,
  };
  assert.deepEqual(parseServerError(errorResponse(error).subarray(HEADER_BYTES)), error);
});

Deno.test("parseServerError() takes any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (body) => {
    assert.equal(typeof parseServerError(body).sqlstate, "string");
  }));
});

Deno.test("readName() keeps different bytes different", () => {
  assert.deepEqual(readName(Uint8Array.of(0xff, 0), 0), { name: "\u00ff", next: 2 });
  assert.deepEqual(readName(Uint8Array.of(0xc3, 0xbf, 0), 0), { name: "\u00c3\u00bf", next: 3 });
  assert.equal(readName(cstring("x").subarray(0, 1), 0), undefined);
});

Deno.test("shownError() leaves out what functions of views and policies do, in errors and notices", () => {
  const body = (...fields: string[]): Uint8Array => concatBytes([...fields.map(cstring), new Uint8Array(1)]);
  const textOf = (type: number, ...fields: string[]): string | undefined => {
    const shown = shownError(type, body(...fields), type === BACKEND.error ? 7 : undefined);
    return shown && new TextDecoder().decode(shown.subarray(HEADER_BYTES)).replaceAll("\0", "|");
  };
  const inner = ["p5", "qSELECT secret", "scdm", "thidden", "ccolumn", "dtype", "ncheck"];
  const source =
    'SQL statement "SELECT 1\nJSON data, line 1: secret"\nPL/pgSQL function f() line 1 at PERFORM';
  assert.equal(textOf(BACKEND.error, "SERROR", "Mm", "P3", ...inner, `W${source}`), "SERROR|Mm|P7||");
  assert.equal(textOf(BACKEND.notice, "SNOTICE", "Mm", "P3", `W${source}`), "SNOTICE|Mm|P3||");
  assert.equal(
    textOf(BACKEND.notice, "Mm", `WJSON data, line 1: {x\n${source}`),
    "Mm|WJSON data, line 1: {x||",
  );
  assert.equal(textOf(BACKEND.notice, "SNOTICE", "Mm", "P3", "WJSON data, line 1: {x"), undefined);
});
