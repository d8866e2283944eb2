import { type ConnectedServer, connectServer } from "../../src/cli/demo/client.ts";
import type { Rig } from "./rig.ts";

/**
 * Starts a server without a database, with an MCP client over stdio.
 *
 * @param rig The bench's engine and image.
 * @param settings The server's other settings.
 */
export async function connectBenchServer(
  rig: Rig,
  settings: Readonly<Record<string, string>>,
): Promise<ConnectedServer> {
  return await connectServer(
    { OMCP_DATABASE_URL: "none", OMCP_IMAGE: rig.image, OMCP_LOG_LEVEL: "error", ...settings },
    rig.engine.socketPath === undefined ? {} : { socketPath: rig.engine.socketPath },
  );
}
