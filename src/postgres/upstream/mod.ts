import { openTransport } from "./transport.ts";
import { StreamUpstream } from "./stream_upstream.ts";
import type { Upstream } from "./upstream.ts";
import { parseDatabaseUrl, serverName } from "./url.ts";

export { StreamUpstream, type StreamUpstreamOptions } from "./stream_upstream.ts";
export type { ServerKey, SessionSettings, Upstream, UpstreamSession } from "./upstream.ts";
export { ask, prepare, ServerRefusal, type TextRow, unprepare } from "./query.ts";
export { type OwnStatement, type RowLimits, type RowTotals, runStatement } from "./run_statement.ts";
export { parseDatabaseUrl, type PostgresAddress, serverName, type TlsMode } from "./url.ts";

/**
 * The server that a database URL names. Nothing is connected to yet.
 *
 * @param url See {@link parseDatabaseUrl}.
 * @returns The upstream.
 * @throws {OmcpError} `config_invalid` if the URL cannot be used.
 */
export function urlUpstream(url: string): Upstream {
  const address = parseDatabaseUrl(url);
  const { target } = address;
  return new StreamUpstream({
    open: (signal) => openTransport(address, signal),
    user: address.user,
    ...(address.password === undefined ? {} : { password: address.password }),
    database: address.database,
    description: `database ${address.database} at ${serverName(address)}`,
    exposed: address.tls === "disable" && target.kind === "tcp" &&
      !/^(localhost|127\.|::1$)/.test(target.host),
  });
}
