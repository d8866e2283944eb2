import { addAbortListener } from "node:events";
import { closeQuietly, writeAll } from "../../lib/connection.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import { errorMessage } from "../../lib/error_message.ts";
import { OmcpError } from "../../errors.ts";
import { int32 } from "../wire/message.ts";
import { type PostgresAddress, serverName } from "./url.ts";

const SSL_REQUEST = int32(8, 80_877_103);
const ACCEPTED = 0x53; // S

/**
 * Opens the connection to a server, under TLS if the address requires it.
 *
 * @param address Where to.
 * @param signal Ends the attempt, and the connection too if it fires later.
 * @returns The stream, before any startup message.
 * @throws {OmcpError} `database_unavailable` if it cannot be reached or its certificate is not valid.
 */
export async function openTransport(address: PostgresAddress, signal: AbortSignal): Promise<ByteStream> {
  try {
    if (address.target.kind === "unix") return await openUnix(address.target.path, signal);
    const { host: hostname, port } = address.target;
    const conn = await Deno.connect({ hostname, port, signal });
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    return address.tls === "disable" ? conn : await upgrade(conn, address, signal);
  } catch (error) {
    if (error instanceof OmcpError) throw error;
    if (signal.aborted) throw unavailable("it did not answer in time", address, error);
    throw unavailable(errorMessage(error), address, error);
  }
}

async function openUnix(path: string, signal: AbortSignal): Promise<ByteStream> {
  const conn = await Deno.connect({ transport: "unix", path });
  if (signal.aborted) {
    conn.close();
    throw signal.reason;
  }
  return conn;
}

async function upgrade(
  conn: Deno.TcpConn,
  address: PostgresAddress,
  signal: AbortSignal,
): Promise<ByteStream> {
  // Once TLS has consumed the connection, this does nothing.
  using _closing = addAbortListener(signal, () => closeQuietly(conn));
  try {
    const caCerts = address.rootCertificate === undefined ? [] : [await readPem(address.rootCertificate)];
    await writeAll(conn, SSL_REQUEST);
    const answer = new Uint8Array(1);
    const count = await conn.read(answer);
    if (count !== 1 || answer[0] !== ACCEPTED) {
      throw new OmcpError("database_unavailable", "Database server does not offer TLS", {
        state: "No password was sent.",
        next:
          "Turn TLS on at the server, or reach it through a tunnel that ends at this machine's loopback address.",
      });
    }
    const hostname = address.target.kind === "tcp" ? address.target.host : "localhost";
    const tls = await Deno.startTls(conn, { hostname, caCerts });
    try {
      await tls.handshake();
    } catch (error) {
      closeQuietly(tls);
      throw tlsFailure(error);
    }
    return tls;
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new OmcpError("config_invalid", "The file that sslrootcert names cannot be read", {
      next: "Check the path in OMCP_DATABASE_URL, and that the server may read it (--allow-read).",
      cause: error,
    });
  }
}

function tlsFailure(error: unknown): OmcpError {
  const reason = errorMessage(error);
  return new OmcpError("database_unavailable", `Database server's certificate is not valid: ${reason}`, {
    state: "No password was sent.",
    next:
      "Name the file of its certificate authority with sslrootcert, and the host as the certificate does.",
    retryable: false,
    cause: error,
  });
}

function unavailable(reason: string, address: PostgresAddress, cause: unknown): OmcpError {
  const where = serverName(address);
  return new OmcpError("database_unavailable", `Database cannot be reached: ${reason}`, {
    next:
      `Check that the URL's server, ${where}, is the right one, that it runs, and that it can be reached from the machine of this program.`,
    cause,
  });
}
