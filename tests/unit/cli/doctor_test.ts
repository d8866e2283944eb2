import assert from "node:assert/strict";
import { readConfig } from "../../../src/app/config.ts";
import { doctor } from "../../../src/cli/doctor.ts";

Deno.test({
  name: "the doctor names the permission that is missing for each folder that a server writes to",
  permissions: { env: true, net: true, read: true, write: false },
  async fn() {
    const settings: Readonly<Record<string, string>> = {
      DOCKER_HOST: "unix:///nowhere/docker.sock",
      OMCP_AUDIT_FOLDER: "/srv/audit",
      OMCP_DISCLOSURE_FOLDER: "/srv/ledger",
    };
    const lines: string[] = [];
    const code = await doctor(readConfig((name) => settings[name]), (line) => lines.push(line));
    assert.equal(code, 1);
    assert.match(
      lines.join("\n"),
      /^FAIL {2}settings: .*--allow-write=\/srv\/audit --allow-write=\/srv\/ledger$/m,
    );
  },
});
