import assert from "node:assert/strict";
import { readConfig } from "../../../src/app/config.ts";
import { openCdmGateway } from "../../../src/cdm/gateway.ts";
import { serverScope } from "../../../src/app/server_scope.ts";
import { toolVariant } from "../../../src/app/tool_variant.ts";
import { databaseSentence, variantCdm } from "../../../src/mcp/variant.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

Deno.test("a database that did not respond at the start is not described as present", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const settings: Record<string, string> = {
    OMCP_DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/d`,
    OMCP_DISCLOSURE: "open",
    OMCP_CDM_SCHEMA: "nope",
  };
  const config = readConfig((name) => settings[name]);
  const audit = { record: () => {}, ready: () => true, keepsSource: false };
  const gateway = await openCdmGateway(config, new DockerRuntime(await connectTestEngine()), audit);
  assert.ok(gateway !== undefined);
  try {
    for (
      const described of [
        gateway,
        variantCdm(toolVariant(serverScope(config), gateway), config),
      ]
    ) {
      const sentence = databaseSentence(described);
      assert.match(sentence, /has not found the CDM yet/);
      assert.doesNotMatch(sentence, /nope|is in schema/);
    }
  } finally {
    await gateway.close();
  }
});
