import type { OpenByteStream } from "../../lib/byte_stream.ts";
import { StreamUpstream, type Upstream } from "../upstream/mod.ts";

/** The role without rights that the Postgres image holds. */
export const LOCAL_ROLE = "omcp_reader";
/** Its superuser. Nobody but this server reaches the socket, and it logs in so for a load and to end a session. */
export const LOCAL_ADMIN = "omcp_admin";
/** The database of the Postgres image. */
export const LOCAL_DATABASE = "cdm";

/** The end of a container is known after a fraction of it. */
const RETRY_MS = 2_000;

/**
 * A Postgres in a container of ours, reached by a stream of that container's channel and trusted there.
 *
 * @param open Opens a raw Postgres connection.
 * @param description What logs and errors call it.
 * @returns The upstream.
 */
export function localUpstream(open: OpenByteStream, description = "local database"): Upstream {
  return new StreamUpstream({
    open,
    user: LOCAL_ROLE,
    // The role that sandboxes share may not end sessions.
    signalUser: LOCAL_ADMIN,
    database: LOCAL_DATABASE,
    description,
    retryMs: RETRY_MS,
  });
}
