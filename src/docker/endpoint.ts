/** An engine's address as both kinds of connection use it: HTTP requests, and the raw stream of an attach. */
import { OmcpError } from "../errors.ts";
import type { EngineAddress } from "../lib/engine_address.ts";
import { hostPort } from "../lib/host_port.ts";
import { readCertificates } from "./certificates.ts";
import { transportError } from "./engine_errors.ts";

/** An engine that can be connected to. */
export interface Endpoint {
  /** For messages: `socket /path`, or `address tcp://host:port`. */
  readonly name: string;
  /** What requests begin with, such as `http://docker.invalid`. */
  readonly base: string;
  /** The name in the header `Host`. */
  readonly host: string;
  /** The client of requests; its owner closes it. */
  readonly client: Deno.HttpClient;
  /** Opens a connection. */
  dial(): Promise<Deno.Conn>;
}

/**
 * Prepares connections to an engine; makes none.
 *
 * @param address Where it is.
 * @throws {OmcpError} `config_invalid` for certificates that cannot be used; `engine_unreachable` for a socket that may not be used.
 */
export function openEndpoint(address: EngineAddress): Endpoint {
  if (address.kind === "unix") {
    const { path } = address;
    const name = `socket ${path}`;
    try {
      return {
        name,
        base: "http://docker.invalid",
        host: "docker.invalid",
        client: Deno.createHttpClient({ proxy: { transport: "unix", path } }),
        dial: () => Deno.connect({ transport: "unix", path }),
      };
    } catch (error) {
      throw transportError("reach the container engine", error, false, name);
    }
  }
  const { host, port } = address;
  const { ca, cert, key } = readCertificates(address.files);
  const authority = hostPort(host, port);
  try {
    return {
      name: `address tcp://${authority}`,
      base: `https://${authority}`,
      host: authority,
      client: Deno.createHttpClient({ caCerts: [ca], cert, key, http2: false }),
      dial: () =>
        Deno.connectTls({ hostname: host, port, caCerts: [ca], cert, key, alpnProtocols: ["http/1.1"] }),
    };
  } catch {
    // The error does not become the cause: its text could quote a part of a file.
    throw new OmcpError(
      "config_invalid",
      "Cannot use the certificates that DOCKER_CERT_PATH names: ca.pem and cert.pem must be certificates, and key.pem the private key of cert.pem",
      {
        state: "No request reached the engine.",
        next: "Check that `docker` can use this folder, or create the three files again.",
      },
    );
  }
}
