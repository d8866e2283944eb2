import assert from "node:assert/strict";
import { LocalDatabase } from "../../../../src/postgres/local/container.ts";
import { createContainerRequest } from "../../../../src/runtime/docker/mod.ts";
import { POSTGRES_IMAGE } from "../../../fixtures/images.ts";
import { runtimeOver } from "../../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, newInstance } from "../../../fixtures/server.ts";

Deno.test("a local database that is not confined as specified is not used", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const local = new LocalDatabase({
    runtime: runtimeOver(engine, {
      createContainer: (spec, options) => {
        const request = createContainerRequest(spec);
        const HostConfig = { ...request.HostConfig, ReadonlyRootfs: false, CapDrop: [] };
        return engine.createContainer({ ...request, HostConfig }, options);
      },
    }),
    instance,
    image: POSTGRES_IMAGE,
    data: { kind: "sample" },
    leaseSeconds: 60,
    cpus: 1,
  });
  try {
    await assert.rejects(local.open(AbortSignal.timeout(60_000)), {
      code: "sandbox_unsafe",
      message: /the bounding capabilities are [^]* the root file system is writable$/,
    });
  } finally {
    await local.close();
    await assertNothingLeft(engine, instance);
  }
});
