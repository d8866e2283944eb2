import { hostPort } from "../lib/host_port.ts";
// Not through mod.ts: each start of a packaged program waits for this module, and not for the broker.
import { parseDatabaseUrl } from "../postgres/upstream/url.ts";

/** What the server must be permitted to reach. */
export interface DatabaseAccess {
  /** `host:port`, or `unix:` and the socket's path. */
  readonly databaseHost: string;
  /** The socket, and the file with certificate authorities. */
  readonly databaseFiles: readonly string[];
}

/**
 * What the server must be permitted to reach for a database given by URL.
 *
 * @param url The URL.
 * @throws {OmcpError} `config_invalid` for a URL that cannot be used.
 */
export function databaseAccess(url: string): DatabaseAccess {
  const { target, rootCertificate } = parseDatabaseUrl(url);
  const certificates = rootCertificate === undefined ? [] : [rootCertificate];
  if (target.kind === "unix") {
    return { databaseHost: `unix:${target.path}`, databaseFiles: [target.path, ...certificates] };
  }
  return { databaseHost: hostPort(target.host, target.port), databaseFiles: certificates };
}
