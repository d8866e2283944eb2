import type { ByteReader } from "../../lib/byte_reader.ts";
import { BACKEND, cstring, int32, message } from "../wire/message.ts";
import { type Opening, readOpening, type StartupParameters } from "../wire/opening.ts";
import type { ClientWriter } from "./client_writer.ts";
import type { SandboxConnections } from "./sandbox_connections.ts";
import { ConnectionEnd } from "./connection_end.ts";

/** A client that has said it wants a session. */
export interface Startup {
  /** What the client gets first: nothing, or NegotiateProtocolVersion if it asks for more than protocol 3.0. */
  readonly negotiation: readonly Uint8Array[];
  readonly parameters: StartupParameters;
}

/** What {@link receiveStartup} works with. */
export interface StartupOptions {
  readonly reader: ByteReader;
  readonly writer: ClientWriter;
  readonly connections: SandboxConnections;
  /** Milliseconds for all of it. */
  readonly deadlineMs: number;
}

const NOT_ENCRYPTED = Uint8Array.of(0x4e); // N
/** A client asks for GSSAPI, then for TLS, and then connects without encryption. */
const MAX_ENCRYPTION_REQUESTS = 2;
const PROTOCOL_3_0 = 3 << 16;

/**
 * Goes through the beginning of a connection: declines requests for encryption, and carries out a cancel request. As a real
 * server does, it closes such a connection after the cancel: a client that waits for that knows which statement the cancel can end.
 *
 * @param options The client and its connections.
 * @returns The startup, or undefined if there will be no session.
 * @throws {ConnectionEnd} If the client breaks the protocol or is too slow.
 */
export async function receiveStartup(options: StartupOptions): Promise<Startup | undefined> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow(options.deadlineMs)), options.deadlineMs);
  try {
    const opening = await Promise.race([exchange(options), late]);
    if (opening === undefined || "parameters" in opening) return opening;
    clearTimeout(timer);
    await options.connections.cancel(opening.processId, opening.secret);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

async function exchange(
  options: StartupOptions,
): Promise<Startup | Extract<Opening, { kind: "cancel" }> | undefined> {
  for (let requests = 0;; requests += 1) {
    const opening = await readOpening(options.reader);
    if (opening === undefined) return undefined;
    if (opening.kind === "invalid") throw new ConnectionEnd("08P01", opening.reason);
    if (opening.kind === "startup") {
      return { negotiation: negotiate(opening), parameters: opening.parameters };
    }
    if (opening.kind === "cancel") return opening;
    if (requests >= MAX_ENCRYPTION_REQUESTS) {
      throw new ConnectionEnd("08P01", "encryption was asked for too often");
    }
    await options.writer.write(NOT_ENCRYPTED);
  }
}

function negotiate(opening: Extract<Opening, { kind: "startup" }>): readonly Uint8Array[] {
  if (opening.major !== 3) {
    throw new ConnectionEnd(
      "0A000",
      `unsupported frontend protocol ${opening.major}.${opening.minor}: 3.0 is spoken here`,
    );
  }
  if (opening.minor === 0 && opening.protocolOptions.length === 0) return [];
  const names = opening.protocolOptions.map(cstring);
  return [message(BACKEND.negotiateProtocol, int32(PROTOCOL_3_0, names.length), ...names)];
}

function tooSlow(deadlineMs: number): ConnectionEnd {
  return new ConnectionEnd("08006", `timed out after ${deadlineMs / 1000} s without a startup packet`);
}
