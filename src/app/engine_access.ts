/** Finds which permissions the server needs for its engine, from `DOCKER_HOST` and the variables that Docker's client has for TLS. */
import { DEFAULT_HOST, engineAddress } from "../lib/engine_address.ts";
import { hostPort } from "../lib/host_port.ts";

/** Variables that say where the engine is; Docker's client has them, too. */
export const ENGINE_VARIABLES = ["DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] as const;

/** Where an engine is, as `Engine.connect()` takes it. */
export interface EngineLocation {
  /** As in `DOCKER_HOST`. */
  readonly host: string;
  /** The folder with ca.pem, cert.pem and key.pem; undefined: without TLS. */
  readonly certificates: string | undefined;
}

/**
 * Reads where the engine is. As for Docker's client, any value of `DOCKER_TLS_VERIFY` asks for TLS.
 *
 * @param read Looks up a variable. It is called for the variables of TLS only if the engine is over TCP, because a command line of an older
 * configuration may lack the permission to read them.
 */
export function engineLocation(
  read: (name: typeof ENGINE_VARIABLES[number]) => string | undefined,
): EngineLocation {
  const host = read("DOCKER_HOST") || DEFAULT_HOST;
  const isTls = host.startsWith("tcp:") && (read("DOCKER_TLS_VERIFY") ?? "") !== "";
  return { host, certificates: isTls ? read("DOCKER_CERT_PATH") || undefined : undefined };
}

/** What the server must be permitted to reach for its engine. */
export interface EngineAccess {
  /** Path of the engine's socket; undefined over TCP. */
  readonly socketPath: string | undefined;
  /** `host:port` of an engine over TCP. */
  readonly engineHost: string | undefined;
  /** The client's certificates for it. */
  readonly engineFiles: readonly string[] | undefined;
}

/**
 * Lists what an engine needs.
 *
 * @param location Where it is.
 * @throws {OmcpError} `config_invalid` for an address that cannot be used.
 */
export function engineAccess({ host, certificates }: EngineLocation): EngineAccess {
  const address = engineAddress(host, certificates);
  if (address.kind === "unix") {
    return { socketPath: address.path, engineHost: undefined, engineFiles: undefined };
  }
  return {
    socketPath: undefined,
    engineHost: hostPort(address.host, address.port),
    engineFiles: Object.values(address.files),
  };
}
