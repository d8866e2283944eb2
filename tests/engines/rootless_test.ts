/** A rootless engine on cgroup v1, which must be refused with the reason. */
import assert from "node:assert/strict";
import { connectEngine } from "../../src/app/connect_engine.ts";
import { exists } from "../../src/lib/files.ts";
import { withSecondEngine } from "./second_engine.ts";

Deno.test({
  name: "a rootless engine that cannot limit its containers is refused with the reason",
  // With cgroup v2, limits can be delegated to its user.
  ignore: await exists("/sys/fs/cgroup/cgroup.controllers"),
  async fn() {
    await withSecondEngine({ rootless: true }, async ({ host }) => {
      await assert.rejects(connectEngine({ read: (name) => name === "DOCKER_HOST" ? host : undefined }), {
        code: "engine_refused",
        message: /: it limits no container's memory, processes, processor time, because it runs without root/,
      });
    });
  },
});
