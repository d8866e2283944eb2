import assert from "node:assert/strict";
import { ASK_ARGUMENTS, packagedLaunch } from "../../../../src/cli/launch/packaged_arguments.ts";
import { OmcpError } from "../../../../src/errors.ts";

const SOCKET = "/var/run/docker.sock";
const ENGINE = {
  net: `unix:${SOCKET},docker.invalid:80`,
  read: SOCKET,
  write: SOCKET,
};
const BUNDLES =
  "/etc/ssl/certs/ca-certificates.crt,/etc/pki/tls/certs/ca-bundle.crt,/etc/ssl/ca-bundle.pem,/etc/ssl/cert.pem";

function launched(args: readonly string[], environment: Record<string, string> = {}): readonly string[] {
  const answer = packagedLaunch(
    args,
    { get: (name) => environment[name], names: () => undefined },
    () => true,
  );
  assert.equal(answer.again, false);
  return answer.arguments;
}

/** Name → value of each permission of a command, but for the environment, which all have. */
function permissions(args: readonly string[], environment: Record<string, string> = {}) {
  const found = launched(args, environment);
  assert.ok(found.includes("--no-prompt") || found.includes("--allow-all"));
  const pairs = found.flatMap((flag) => {
    const [, name, value] = /^--allow-(\w+)(?:=(.*))?$/.exec(flag) ?? [];
    return name === undefined || name === "env" ? [] : [[name, value ?? ""]];
  });
  return Object.fromEntries(pairs);
}

Deno.test("the server of a package gets the engine's socket, and nothing that its settings do not name", () => {
  for (const args of [[], ["serve"], ["doctor"]]) {
    assert.deepEqual(permissions(args), { ...ENGINE, read: `${SOCKET},${BUNDLES}` });
  }
});

Deno.test("each setting that names a file, folder or host gives the server that permission", () => {
  const environment = {
    DOCKER_HOST: "unix:///run/other.sock",
    OMCP_DATABASE_URL:
      "postgres://reader:secret@db.example.org/clinic?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    OMCP_DISCLOSURE: "open",
    OMCP_AUDIT_FOLDER: "/var/log/omcp",
    OMCP_PACKAGES: "any",
    OMCP_PACKAGES_CONSTRAINTS: "/srv/constraints.txt",
    OMCP_EXCHANGE_DIR: "/srv/exchange",
    SSL_CERT_FILE: "/srv/site.crt",
    PIP_CERT: "relative.crt",
  };
  assert.deepEqual(permissions([], environment), {
    net: "unix:/run/other.sock,docker.invalid:80,db.example.org:5432",
    read:
      `/run/other.sock,/etc/ca.pem,/srv/constraints.txt,/var/log/omcp,/srv/exchange,/srv/site.crt,${BUNDLES}`,
    write: "/run/other.sock,/var/log/omcp,/srv/exchange",
  });
});

Deno.test("omcp audit gets its folders to read, and nothing else", () => {
  assert.deepEqual(permissions(["audit", "verify", "/srv/a", "b", "--holds", "h"]), { read: "/srv/a,b" });
});

Deno.test("omcp cdm gets the engine or the database's host, and the folders in its arguments", () => {
  const url = "postgres://admin@127.0.0.1:5544/clinic?sslmode=disable";
  assert.deepEqual(permissions(["cdm", "list"]), ENGINE);
  assert.deepEqual(permissions(["cdm", "remove", "local:a"]), ENGINE);
  assert.deepEqual(permissions(["cdm", "sample", "--into", "local:a"]), ENGINE);
  assert.deepEqual(permissions(["cdm", "load", "data", "--into", "local:a"]), {
    ...ENGINE,
    read: `${SOCKET},data`,
  });
  assert.deepEqual(
    permissions(["cdm", "load", "--truncate", "--rejects", "/tmp/r", "--database-url", url, "data"]),
    {
      net: "127.0.0.1:5544",
      read: "data,/tmp/r",
      write: "/tmp/r",
    },
  );
  assert.deepEqual(permissions(["cdm", "sample"], { OMCP_ADMIN_URL: url }), { net: "127.0.0.1:5544" });
});

Deno.test("a wrong call or setting, and help, get no permission: the command reports what is wrong", () => {
  const calls: [string[], Record<string, string>?][] = [
    [["--help"]],
    [["--version"]],
    [["nonsense", "--into", "local:a"]],
    [["cdm", "load", "data", "--into"]],
    [["cdm", "--help"]],
    [["serve", "-h"]],
    [["setup", "--help"]],
    [["doctor", "--settings"]],
    [["serve"], { OMCP_MAX_SANDBOXES: "many" }],
    [["cdm", "sample", "--database-url", "nonsense"]],
  ];
  for (const [args, environment] of calls) {
    assert.deepEqual(permissions(args, environment), {}, args.join(" "));
  }
});

Deno.test("with a wrong setting, the doctor gets the permissions that the other settings need", () => {
  const settings = { OMCP_AUDIT_FOLDER: "/srv/audit", SSL_CERT_FILE: "/srv/site.crt" };
  const expected = {
    ...ENGINE,
    read: `${SOCKET},/srv/audit,/srv/site.crt,${BUNDLES}`,
    write: `${SOCKET},/srv/audit`,
  };
  const wrong: Record<string, string>[] = [
    { OMCP_MAX_SANDBOXES: "many" },
    { OMCP_EXCHANGE_DIR: "relative", OMCP_TOOLSETS: "exchange" },
    // A URL without a role is a setting in the right form, and nothing can connect with it.
    { OMCP_DATABASE_URL: "postgres://h/d" },
  ];
  for (const each of wrong) {
    assert.deepEqual(permissions(["doctor"], { ...settings, ...each }), expected, JSON.stringify(each));
  }
});

Deno.test("setup gets all permissions, because it installs and starts programs; nothing else does", () => {
  assert.deepEqual(permissions(["setup"]), { all: "" });
  for (const args of [[], ["doctor"], ["cdm", "list"], ["cdm", "load", "-A", "."], ["--allow-all"]]) {
    const flags = launched(args);
    assert.ok(!flags.some((flag) => /^(-A|--allow-(all|run|ffi|sys|import))/.test(flag)), args.join(" "));
  }
});

Deno.test("a path that Deno's flags cannot express is refused before anything runs", () => {
  for (const path of ["a,b", ""]) {
    assert.throws(
      () => launched(["cdm", "load", path, "--into", "local:a"]),
      (error: unknown) => error instanceof OmcpError && error.code === "invalid_argument",
    );
  }
});

Deno.test("the first start, which only finds a command's permissions, may read the environment and nothing else", () => {
  const allowed = ASK_ARGUMENTS.filter((flag) => flag.startsWith("--allow") || flag === "-A");
  assert.deepEqual(allowed.map((flag) => flag.split("=")[0]), ["--allow-env"]);
});

Deno.test("the launcher first gets permission to read a file of settings, then applies it; variables of the environment take precedence", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "OMCP_AUDIT_FOLDER=/srv/file\nOMCP_EXCHANGE_DIR=/srv/exchange\n");
    const variables: Record<string, string> = { OMCP_AUDIT_FOLDER: "/srv/environment" };
    const environment = { get: (name: string) => variables[name], names: () => undefined };
    for (
      const args of [["--settings", file], [`--settings=${file}`, "doctor"], ["doctor", "--settings", file]]
    ) {
      const first = packagedLaunch(args, environment, () => false);
      assert.equal(first.again, true);
      const allowed = first.arguments.filter((flag) =>
        flag.startsWith("--allow-") && !flag.startsWith("--allow-env=")
      );
      assert.deepEqual(allowed, [`--allow-read=${file}`]);
      assert.deepEqual(permissions(args, variables), {
        net: ENGINE.net,
        read: `${SOCKET},/srv/environment,/srv/exchange,${BUNDLES},${file}`,
        write: `${SOCKET},/srv/environment,/srv/exchange`,
      });
    }
    assert.deepEqual(permissions(["cdm", "list"], { OMCP_ENV_FILE: file }), {
      ...ENGINE,
      read: `${SOCKET},${file}`,
    });
    await Deno.remove(file);
    assert.deepEqual(permissions(["doctor", "--settings", file]), { read: file });
  } finally {
    await Deno.remove(file).catch(() => {});
  }
});
