import { connectServer } from "../../../src/cli/demo/client.ts";
import { LABEL_INSTANCE, LABEL_ROLE } from "../../../src/runtime/mod.ts";
import { eventually } from "../../fixtures/eventually.ts";
import {
  assertNothingLeft,
  connectTestEngine,
  newInstance,
  newSandbox,
  WITHOUT_POOL,
} from "../../fixtures/server.ts";

/** An index that does not answer (RFC 5737). */
const SETTINGS = {
  ...WITHOUT_POOL,
  OMCP_LOG_LEVEL: "error",
  OMCP_DATABASE_URL: "none",
  OMCP_LEASE_SECONDS: "10",
  OMCP_PACKAGES_INDEX: "http://192.0.2.1/simple",
};

for (const [what, end] of [["is killed", "SIGKILL"], ["gets SIGTERM", "SIGTERM"]] as const) {
  Deno.test(`the container that resolves packages ends when its server ${what}`, async () => {
    const engine = await connectTestEngine();
    const instance = newInstance();
    const server = await connectServer({ ...SETTINGS, OMCP_INSTANCE: instance });
    const sandbox_id = await newSandbox(server);
    const call = server.call("install_package", { sandbox_id, package: "humanize" });
    call.catch(() => {});
    const count = async (more: Record<string, string>, all: boolean) =>
      (await engine.listContainers({ labels: { [LABEL_INSTANCE]: instance, ...more }, all })).length;
    const resolver = { [LABEL_ROLE]: "resolver" };
    await eventually(async () => await count(resolver, false) === 1, "the resolver runs");
    Deno.kill(server.pid, end);
    await eventually(async () => await count(resolver, true) === 0, "the resolver has ended");
    await server.close();
    await eventually(async () => await count({}, true) === 0, "the sandbox has ended", 40_000);
    await assertNothingLeft(engine, instance);
  });
}
