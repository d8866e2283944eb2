import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { parseDatabaseUrl } from "../../../../src/postgres/upstream/mod.ts";

Deno.test("parseDatabaseUrl() takes user, password, host, port, database and TLS mode", () => {
  assert.deepEqual(
    parseDatabaseUrl(
      "postgresql://o%40m:p%2Fw@db.example:6543/c%20dm?sslmode=verify-full&sslrootcert=/ca.pem",
    ),
    {
      target: { kind: "tcp", host: "db.example", port: 6543 },
      user: "o@m",
      password: "p/w",
      database: "c dm",
      tls: "verify-full",
      rootCertificate: "/ca.pem",
    },
  );
});

Deno.test("parseDatabaseUrl() verifies in full unless the host is this machine, by its exact name", () => {
  const modes: readonly (readonly [string, string])[] = [
    ["postgres://u@db/d", "verify-full"],
    ["postgres://u@10.0.0.1/d?sslmode=require", "verify-full"],
    ["postgres://u@db/d?sslmode=verify-ca", "verify-full"],
    ["postgres://u@LocalHost/d?sslmode=disable", "disable"],
    ["postgres://u@[::1]:5433/d?sslmode=disable", "disable"],
    ["postgres://u@localhost.evil.org/d", "verify-full"],
    ["postgres://u@127.0.0.1.evil.org/d", "verify-full"],
    ["postgres://u@[2001:db8::1]/d", "verify-full"],
    ["postgres://u@localhost/d", "disable"],
    ["postgres://u@[::1]/d", "disable"],
    ["postgres://u@127.0.0.1/d?sslmode=verify-full", "verify-full"],
  ];
  for (const [url, mode] of modes) assert.equal(parseDatabaseUrl(url).tls, mode, url);
});

Deno.test("parseDatabaseUrl() takes a Unix socket's folder", () => {
  for (const url of ["postgres:///d?host=/run/pg&user=u", "postgres://u@%2Frun%2Fpg/d"]) {
    const { target, user, database } = parseDatabaseUrl(url);
    assert.deepEqual([target, user, database], [{ kind: "unix", path: "/run/pg/.s.PGSQL.5432" }, "u", "d"]);
  }
});

Deno.test("parseDatabaseUrl() refuses what it cannot honour, names it, and never repeats the URL", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["s3cret", /not a URL/],
    ["mysql://u:s3cret@h/d", /scheme/],
    ["postgres://u:s3cret@h/d?sslmode=prefer", /sslmode=prefer/],
    ["postgres://u:s3cret@h/d?sslmode=allow", /sslmode=allow/],
    ["postgres://u:s3cret@h/d?options=-c%20x", /options/],
    ["postgres://u:s3cret@h/d?sslkey=k", /sslkey/],
    ["postgres://u:s3cret@h/d?host=elsewhere", /host must be the folder/],
    ["postgres://u:s3cret@h/d?sslrootcert=system", /sslrootcert/],
    ["postgres://h/d", /no user/],
    ...["localhost.evil.org", "127.0.0.1.evil.org", "evil.org", "[2001:db8::1]", "127.0.0.2"].map((host) =>
      [`postgres://u:s3cret@${host}/d?sslmode=disable`, /this machine only/] as const
    ),
    ...[
      "5432/s3cret",
      "5432#s3cret",
      "s3cret/5432",
      "s3cret?x",
      "5432?s3cret",
      "/s3cret",
      "#s3cret",
      "a@5/s3cret",
    ].map((password) => [`postgres://u:${password}@h/d`, /percent-encode/] as const),
    ["postgres://u:p@h/d#s3cret", /percent-encode/],
    ["postgres://u:p@h/d@s3cret", /percent-encode/],
    ...[" ", "\t", "\n", "\r\n", "\0", "\x1f", "\x7f", "\u00a0", "\u2028", "\ufeff"].flatMap((space) =>
      [
        `${space}postgres://u:5432/s3cret@h/d`,
        `post${space}gres://u:5432/s3cret@h/d`,
        `postgres://u:s3${space}cret@h/d`,
        `postgres://u:s3cret@h/d${space}`,
      ].map((url) => [url, /white space or a control character: remove it, or percent-encode it/] as const)
    ),
    ["postgres://u:s3cret%zz@h/d", /password/],
    ["postgres:///d?host=/run/pg&user=u&sslmode=require", /Unix socket/],
  ];
  for (const [url, reason] of cases) {
    assert.throws(() => parseDatabaseUrl(url), (error) => {
      assert.ok(error instanceof OmcpError, url);
      assert.equal(error.code, "config_invalid");
      assert.match(error.message, reason);
      assert.ok(!error.message.includes("s3cret"));
      return true;
    });
  }
});
