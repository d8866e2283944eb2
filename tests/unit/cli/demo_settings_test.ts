import assert from "node:assert/strict";
import { demoServer } from "../../../src/cli/demo/settings.ts";

const OWN = { OMCP_INSTANCE: "demo-1", OMCP_LOG_LEVEL: "error" };

function server(settings: Readonly<Record<string, string>>, unknown: readonly string[] = []) {
  return demoServer({ read: (name) => settings[name], unknown }, OWN);
}

Deno.test("demoServer() passes the settings on, below the demo's own, and permits what they name", () => {
  const { environment, launch, location } = server({
    DOCKER_HOST: "unix:///run/other.sock",
    OMCP_AUDIT_FOLDER: "/var/log/omcp",
    OMCP_DATABASE_URL: "postgres://reader@db.site:5433/omop",
    OMCP_DISCLOSURE: "open",
    OMCP_DISCLOSURE_FOLDER: "/var/lib/omcp",
    OMCP_INSTANCE: "the-site",
    OMCP_MEMORY_MIB: "1024",
    PGPASSWORD: "secret",
  });
  assert.deepEqual(location, { host: "unix:///run/other.sock", certificates: undefined });
  assert.deepEqual(environment, {
    DOCKER_HOST: "unix:///run/other.sock",
    OMCP_AUDIT_FOLDER: "/var/log/omcp",
    OMCP_DATABASE_URL: "postgres://reader@db.site:5433/omop",
    OMCP_DISCLOSURE: "open",
    OMCP_DISCLOSURE_FOLDER: "/var/lib/omcp",
    OMCP_MEMORY_MIB: "1024",
    ...OWN,
  });
  assert.deepEqual(launch, {
    socketPath: "/run/other.sock",
    auditFolder: "/var/log/omcp",
    ledgerFolder: "/var/lib/omcp",
    databaseFiles: [],
    databaseHost: "db.site:5433",
  });
});

Deno.test("demoServer() refuses wrong settings, and a database whose rows cells may not read", () => {
  assert.throws(() => server({ OMCP_MEMORY_MIB: "much" }), /OMCP_MEMORY_MIB must be/);
  assert.throws(() => server({}, ["OMCP_MEMORY is not a setting"]), /OMCP_MEMORY is not a setting/);
  assert.throws(() => server({ OMCP_DATABASE_URL: "none" }), /reads rows[^]*none is configured/);
  assert.throws(
    () => server({ OMCP_DATABASE_URL: "local:site" }),
    /reads rows[^]*OMCP_DISCLOSURE is aggregate/,
  );
  assert.deepEqual(server({}).environment, OWN);
});
