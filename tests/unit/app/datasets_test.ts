import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readConfig } from "../../../src/app/config.ts";

function datasetsOf(text: string, more: Record<string, string> = {}) {
  const values: Record<string, string> = { OMCP_DATASETS: text, ...more };
  return readConfig((name) => values[name]).datasets;
}

Deno.test("OMCP_DATASETS becomes a list of names and folders", () => {
  assert.deepEqual(datasetsOf(""), []);
  assert.deepEqual(datasetsOf("a=/srv/a, b-2_x = /srv/with space/b=c/ ,"), [
    { name: "a", folder: "/srv/a" },
    { name: "b-2_x", folder: "/srv/with space/b=c" },
  ]);
  assert.deepEqual(datasetsOf("a=/home/me/data,b=/var/lib/omop,c=/etcetera"), [
    { name: "a", folder: "/home/me/data" },
    { name: "b", folder: "/var/lib/omop" },
    { name: "c", folder: "/etcetera" },
  ]);
});

Deno.test("OMCP_DATASETS refuses what is not a name and an absolute path, without repeating it", () => {
  const names = [
    "=/srv/a",
    "/srv/a",
    "A=/srv/a",
    "9=/srv/a",
    "../x=/srv/a",
    "a/b=/srv/a",
    `${"a".repeat(33)}=/srv`,
  ];
  for (const text of names) {
    assert.throws(() => datasetsOf(text), {
      code: "config_invalid",
      message: /OMCP_DATASETS .*item 1 the name/,
    });
  }
  for (
    const path of [
      "",
      "srv",
      "./srv",
      "/srv/../etc",
      "/srv/./a",
      "//srv",
      "/srv//a",
      "/srv/\u0000a",
    ]
  ) {
    assert.throws(() => datasetsOf(`ok=/srv/ok,a=${path}`), {
      code: "config_invalid",
      message: /OMCP_DATASETS .*item 2 the path/,
    });
  }
  assert.throws(() => datasetsOf("a=/srv/a,a=/srv/b"), { message: /two datasets with the name a/ });
  const many = Array.from({ length: 33 }, (_, at) => `d${at}=/srv/${at}`).join(",");
  assert.throws(() => datasetsOf(many), { message: /at most 32 datasets; received 33/ });
});

Deno.test("OMCP_DATASETS refuses folders with secrets, sockets or the data of all containers, and all above them", () => {
  const paths = [
    "/",
    "/etc",
    "/etc/ssl",
    "/proc/1",
    "/sys",
    "/dev/shm",
    "/run/x",
    "/var",
    "/var/run",
    "/var/lib",
  ];
  for (const path of [...paths, "/var/lib/docker/volumes", "/boot", "/home", "/root", "/home/"]) {
    assert.throws(() => datasetsOf(`a=${path}`), { code: "config_invalid", message: /OMCP_DATASETS/ }, path);
  }
  const engine = { DOCKER_HOST: "unix:///opt/engine/docker.sock" };
  for (const path of ["/opt", "/opt/engine", "/opt/engine/docker.sock"]) {
    assert.throws(() => datasetsOf(`a=${path}`, engine), {
      message: /dataset a must not be, contain or lie in/,
    });
  }
  assert.deepEqual(datasetsOf("a=/opt/engine2", engine).length, 1);
  const audit = { OMCP_AUDIT_FOLDER: "/srv/log/audit" };
  assert.throws(() => datasetsOf("a=/srv/log", audit), { message: /\/audit/ });
});

Deno.test("OMCP_EXCHANGE_DIR must be a folder of its own, apart from secrets, the audit and the datasets", () => {
  function folderOf(path: string, more: Record<string, string> = {}): string | undefined {
    const values: Record<string, string> = { OMCP_EXCHANGE_DIR: path, ...more };
    return readConfig((name) => values[name]).exchangeFolder;
  }
  assert.equal(folderOf(""), undefined);
  assert.equal(folderOf("/srv/exchange/"), "/srv/exchange");
  for (
    const path of ["x", "./x", "/srv/../etc", "/srv//x", "/srv/a,b", "/", "/etc", "/var", "/home", "/run/x"]
  ) {
    assert.throws(() => folderOf(path), { code: "config_invalid", message: /OMCP_EXCHANGE_DIR/ }, path);
  }
  assert.throws(() => folderOf("/srv/x", { OMCP_AUDIT_FOLDER: "/srv/x/audit" }), {
    message: /\/audit/,
  });
  assert.throws(() => folderOf("/srv/x", { OMCP_PACKAGES_CONSTRAINTS: "/srv/x/constraints.txt" }), {
    message: /constraints\.txt/,
  });
  const database = {
    OMCP_DISCLOSURE: "open",
    OMCP_DATABASE_URL: "postgres://u@h/d?sslmode=verify-full&sslrootcert=/srv/x/ca.pem",
  };
  assert.throws(() => folderOf("/srv/x", database), { message: /ca\.pem/ });
  assert.throws(() => datasetsOf("a=/srv/x", database), { message: /ca\.pem/ });
  // The next start would run what an export has put there.
  const project = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
  for (const path of [project, `${project}/src`, `${project}/exchange`]) {
    assert.throws(() => folderOf(path), { message: /OMCP_EXCHANGE_DIR must not be, contain or lie in/ });
  }
  for (const dataset of ["a=/srv/x", "a=/srv/x/in", "a=/srv"]) {
    assert.throws(() => folderOf("/srv/x", { OMCP_DATASETS: dataset }), { message: /dataset a must not/ });
  }
});
