import assert from "node:assert/strict";
import { clientConfiguration, serveLine } from "../../../src/cli/serve_line.ts";
import { parseDatabaseUrl } from "../../../src/postgres/mod.ts";

/** URLs that load a CDM, with the host that the server must be permitted to reach. */
const URLS: readonly (readonly [string, string])[] = [
  ["postgres://admin:secret@127.0.0.1:15999/postgres?sslmode=disable", "127.0.0.1:15999"],
  [
    "postgres://admin:secret@db.example.org/clinic?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    "db.example.org:5432",
  ],
  ["postgres://admin:secret@[::1]:5433/clinic", "[::1]:5433"],
  ["postgres:///clinic?host=/run/pg&user=admin", "unix:/run/pg/.s.PGSQL.5432"],
  ["postgres:///clinic?host=/run/pg&user=admin&sslrootcert=/etc/ca.pem", "unix:/run/pg/.s.PGSQL.5432"],
];

for (const [url, host] of URLS) {
  Deno.test(`serveLine() reaches the same server as ${url}, as the reader`, () => {
    const line = serveLine({ kind: "url", url, schema: "omop", role: "omcp_reader" });
    const written =
      /^OMCP_DATABASE_URL=(?:'([^']*)'|(\S+)) OMCP_CDM_SCHEMA=omop OMCP_DISCLOSURE=open (?:npx -y deno@\S+|deno) run /
        .exec(line);
    assert(written !== null, line);
    const [loaded, served] = [parseDatabaseUrl(url), parseDatabaseUrl(written[1] ?? written[2] ?? "")];
    assert.deepEqual(
      [served.target, served.database, served.tls, served.rootCertificate, served.user],
      [loaded.target, loaded.database, loaded.tls, loaded.rootCertificate, "omcp_reader"],
    );
    assert.ok(line.includes(`,${host}`), line);
    if (loaded.rootCertificate !== undefined) assert.match(line, /--allow-read=\S*,\/etc\/ca\.pem/);
    assert.doesNotMatch(line, /secret|admin/);
    assert.match(line, / \/\S+\/src\/main\.ts serve$/);
    const configuration = clientConfiguration({ kind: "url", url, schema: "omop", role: "omcp_reader" });
    assert.doesNotMatch(configuration, /secret|admin/);
    assert.match(configuration, /"OMCP_CDM_SCHEMA": "omop"/);
  });
}

Deno.test("serveLine() starts the server on a local CDM with the engine of the load", () => {
  const line = serveLine({
    kind: "local",
    name: "mine",
    engine: { host: "unix:///run/user/1000/docker.sock", certificates: undefined },
  });
  assert.match(line, /^DOCKER_HOST=unix:\S+ OMCP_DATABASE_URL=local:mine OMCP_DISCLOSURE=open /);
  assert.match(line, /--allow-net=unix:\/run\/user\/1000\/docker\.sock,/);
  assert.doesNotMatch(line, /\/var\/run\/docker\.sock/);
});
