import type { OpenByteStream } from "../../lib/byte_stream.ts";
import { READER_ROLE } from "../roles/reader_role_sql.ts";
import { StreamUpstream, type Upstream } from "../upstream/mod.ts";

/** Its superuser. Only this server reaches the socket; it uses this role for a load and to end a session. */
export const LOCAL_ADMIN = "omcp_admin";
/** The database of the Postgres image. */
export const LOCAL_DATABASE = "cdm";

/** Within a fraction of this time, the server notices that a container has ended. */
const RETRY_MS = 2_000;

/**
 * A Postgres in a container of ours, reached by a stream of that container's channel, where it needs no password.
 *
 * @param open Opens a raw Postgres connection.
 * @param description Its name in logs and errors.
 */
export function localUpstream(open: OpenByteStream, description = "local database"): Upstream {
  return new StreamUpstream({
    open,
    user: READER_ROLE,
    // The role that sandboxes share may not end sessions.
    signalUser: LOCAL_ADMIN,
    database: LOCAL_DATABASE,
    description,
    retryMs: RETRY_MS,
  });
}
