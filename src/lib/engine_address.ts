/** Where an engine is, and how it is connected to: by a Unix socket, or by TCP with TLS in which both sides prove who they are. */
import { OmcpError } from "../errors.ts";

/** The engine's default address. */
export const DEFAULT_HOST = "unix:///var/run/docker.sock";

/** The port of an engine with TLS. */
const TLS_PORT = 2376;

/** An engine's address, checked. Nothing is read for it. */
export type EngineAddress =
  | { readonly kind: "unix"; readonly path: string }
  | {
    readonly kind: "tls";
    /** A name, or an IP address without brackets. */
    readonly host: string;
    readonly port: number;
    /** Absolute paths. */
    readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  };

/**
 * Reads an address.
 *
 * @param host `unix:///path` or `tcp://host:port`, the value of `DOCKER_HOST`.
 * @param certificates The folder of `DOCKER_CERT_PATH`, with ca.pem, cert.pem and key.pem; undefined: TLS is not wanted.
 * @throws {OmcpError} `config_invalid`, also for TCP without TLS: anyone who reaches that port is root on the engine's machine.
 */
export function engineAddress(host: string, certificates: string | undefined): EngineAddress {
  const path = /^unix:\/\/(\/[^\0]{1,100})$/.exec(host)?.[1];
  if (path !== undefined) return { kind: "unix", path };
  const [, bracketed, name, port] =
    /^tcp:\/\/(?:\[([0-9a-fA-F:]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/.exec(host) ?? [];
  const found = bracketed ?? name;
  const number = port === undefined ? TLS_PORT : Number(port);
  if (found === undefined || number < 1 || number > 65_535) {
    throw new OmcpError(
      "config_invalid",
      "Cannot reach the container engine: its address must be unix:///path/of/socket or tcp://host:port",
      { next: "Correct DOCKER_HOST, or unset it. The path of a socket has at most 100 characters." },
    );
  }
  if (certificates === undefined) {
    throw new OmcpError(
      "config_invalid",
      "Cannot reach the container engine: over TCP it needs TLS, because anyone who reaches such a port is root on the engine's machine",
      {
        next:
          "Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem; start the engine with --tlsverify.",
      },
    );
  }
  const folder = certificates.replace(/\/$/, "");
  // The names that Docker gives them.
  const files = { ca: `${folder}/ca.pem`, cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  return { kind: "tls", host: found, port: number, files };
}
