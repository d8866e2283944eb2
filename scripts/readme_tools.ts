/** The tools as the README shows them: of a server with the built-in sample. */
import { readConfig } from "../src/app/config.ts";
import { SandboxManager } from "../src/sandbox/manager.ts";
import type { Tool } from "../src/mcp/tool.ts";
import { toolsOf } from "../src/cli/serve.ts";

export const README_TOOLS: readonly Tool[] = makeTools();

function makeTools(): Tool[] {
  const config = readConfig(() => undefined);
  // Describing tools calls nothing of the manager, which is why it needs no engine here.
  const sandboxes: SandboxManager = Object.create(SandboxManager.prototype);
  const nothing = () => Promise.resolve("");
  return toolsOf(config, sandboxes, {
    version: "5.4",
    schema: config.cdmSchema,
    serve: () => () => {},
    ready: async () => {},
    describe: nothing,
    close: async () => {},
  });
}
