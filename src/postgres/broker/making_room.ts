import { setTimeout as delay } from "node:timers/promises";
import { OmcpError } from "../../errors.ts";
import type { Upstream } from "../upstream/mod.ts";
import type { ConnectionCount } from "./sandbox_connections.ts";

/** How long a process of the server takes to end after its client has left, in ms. */
const EXIT_MS = 100;

/**
 * An upstream where kept connections that are idle give way to a session for which the server has no connection free.
 *
 * @param upstream The server.
 * @param count Its connections.
 * @returns The upstream.
 */
export function makingRoom(upstream: Upstream, count: ConnectionCount): Upstream {
  return {
    description: upstream.description,
    async connect(settings, signal) {
      while (true) {
        try {
          return await upstream.connect(settings, signal);
        } catch (error) {
          const full = error instanceof OmcpError && error.details.sqlstate === "53300";
          if (!full || !await count.giveWay()) throw error;
          await delay(EXIT_MS, undefined, { signal });
        }
      }
    },
    cancel: (session) => upstream.cancel(session),
    terminate: (session) => upstream.terminate(session),
  };
}
