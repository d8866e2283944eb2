import assert from "node:assert/strict";
import { readConfig } from "../../../src/app/config.ts";
import { serverPermissions } from "../../../src/app/launch.ts";
import { permissionNeeds } from "../../../src/app/permission_needs.ts";

function reader(values: Record<string, string>): (name: string) => string | undefined {
  return (name) => values[name];
}

Deno.test("an engine over TCP needs TLS and certificates: the server may read them and reach the engine, and no dataset may contain them", () => {
  const host = { DOCKER_HOST: "tcp://engine.example:2376" };
  for (const lacking of [{}, { DOCKER_TLS_VERIFY: "1" }, { DOCKER_CERT_PATH: "/srv/certificates" }]) {
    assert.throws(() => readConfig(reader({ ...host, ...lacking })), {
      message: /DOCKER_HOST=tcp:\/\/ needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH/,
    });
  }
  const tls = { ...host, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/srv/certificates" };
  const config = readConfig(reader({ ...tls, OMCP_DATABASE_URL: "none" }));
  const files = ["ca", "cert", "key"].map((name) => `/srv/certificates/${name}.pem`);
  assert.deepEqual(serverPermissions(permissionNeeds(config)), {
    net: ["engine.example:2376"],
    read: files,
    write: [],
  });
  assert.throws(() => readConfig(reader({ ...tls, OMCP_DATASETS: "x=/srv/certificates" })), {
    message: /OMCP_DATASETS/,
  });
});
