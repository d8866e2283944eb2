import { type ConnectedServer, connectServer } from "../../src/cli/demo/client.ts";
import type { LaunchOptions } from "../../src/app/launch.ts";
import type { Rig } from "./rig.ts";

/**
 * Starts a server, without a database unless the settings name one, with an MCP client over stdio.
 *
 * @param rig The bench's engine and image.
 * @param settings The server's other settings.
 * @param launch The facts that its permissions depend on besides the engine.
 */
export async function connectBenchServer(
  rig: Rig,
  settings: Readonly<Record<string, string>>,
  launch: Omit<LaunchOptions, "project"> = {},
): Promise<ConnectedServer> {
  return await connectServer(
    { OMCP_DATABASE_URL: "none", OMCP_IMAGE: rig.image, OMCP_LOG_LEVEL: "error", ...settings },
    launch,
  );
}
