/** Podman's own service, which must be refused with the reason. */
import assert from "node:assert/strict";
import { connectEngine } from "../../src/app/connect_engine.ts";
import { ensureEngine } from "../../src/cli/setup/engine.ts";
import { engineAnswers } from "./second_engine.ts";

Deno.test("Podman is refused with the reason, by the server and by set-up", async () => {
  const folder = await Deno.makeTempDir({ prefix: "omcp-podman-" });
  const host = `unix://${folder}/podman.sock`;
  const service = new Deno.Command("podman", {
    // The driver vfs mounts nothing in the folder.
    args: [
      ...["--storage-driver", "vfs", "--root", `${folder}/root`, "--runroot", `${folder}/run`],
      ...["system", "service", "--time", "0", host],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await engineAnswers(host, "Podman answers");
    const refused = {
      code: "engine_refused",
      message: /^Cannot use this container engine: Podman accepts a seccomp profile only as the path/,
      next: /Docker Engine/,
    };
    const read = (name: string) => name === "DOCKER_HOST" ? host : undefined;
    await assert.rejects(connectEngine({ read }), refused);
    await assert.rejects(ensureEngine({ read, progress: () => {} }), refused);
  } finally {
    service.kill("SIGTERM");
    await service.status;
    await Deno.remove(folder, { recursive: true });
  }
});
