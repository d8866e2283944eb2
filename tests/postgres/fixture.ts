import { POSTGRES_IMAGE } from "../fixtures/images.ts";
import { Buffer } from "node:buffer";

/** The image the servers run from. */
const IMAGE = POSTGRES_IMAGE;
const START_DEADLINE_MS = 30_000;

/** What kind of server is wanted. */
export interface PostgresOptions {
  /** Accept TLS only, with a certificate for localhost and 127.0.0.1 of an authority made for the occasion. @default {false} */
  readonly tls?: boolean;
  /** The password of both roles (SCRAM-SHA-256); without one everybody is trusted. @default {undefined} */
  readonly password?: string;
  /** Run from the cluster with the sample CDM in it. @default {false} */
  readonly sample?: boolean;
  /** Settings on the server's command line. @default {{}} */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A server on a loopback port, in a container of its own. */
export interface TestPostgres {
  /** URL of `omcp_reader`, the role without rights. */
  readonly url: string;
  /** URL of `omcp_admin`, the superuser. */
  readonly adminUrl: string;
  readonly port: number;
  /** The container's name. */
  readonly name: string;
  /** PEM file of the certificate authority, with TLS. */
  readonly caPath: string | undefined;
  /** Runs SQL as the superuser, inside the container. @returns What psql prints, unaligned. */
  sql(text: string): Promise<string>;
  /** Halts the server's processes, as a stalled machine would. */
  pause(): Promise<void>;
  /** Lets them go on. */
  resume(): Promise<void>;
  /** Kills a session of `omcp_reader` with SIGKILL: the server ends all sessions, recovers and goes on. */
  crash(): Promise<void>;
  /** Sends a signal to one of its processes. */
  signal(pid: number, name: "STOP" | "CONT"): Promise<void>;
  stop(): Promise<void>;
}

/** Copies the cluster, lets TCP in, and becomes the server. */
const SCRIPT = `set -eu
cp -a "$CLUSTER" /data/pgdata
cd /data/pgdata
printf '%s' "$SERVER_KEY" >server.key; printf '%s' "$SERVER_CERT" >server.crt; chmod 600 server.key
printf '%s\n' "$HBA" >>pg_hba.conf
if [ -n "$PASSWORD" ]; then
  { for role in omcp_admin omcp_reader; do echo "ALTER ROLE $role PASSWORD '$PASSWORD'"; done; } |
    postgres --single -D /data/pgdata cdm >/dev/null
fi
exec postgres -D /data/pgdata -c listen_addresses='*' -c ssl="$SSL" -c fsync=off $SETTINGS`;

/**
 * Starts a Postgres of our image on a random loopback port. It is ready when this returns; stop it in a `finally`.
 *
 * @param options TLS, password, sample.
 * @returns The server.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const { tls = false, password, sample = false, settings = {} } = options;
  const folder = await Deno.makeTempDir({ prefix: "omcp-test-postgres-" });
  const certificates = tls ? await makeCertificates(folder) : { key: "", cert: "", caPath: undefined };
  const name = `omcp-test-${crypto.randomUUID()}`;
  const environment: Record<string, string> = {
    CLUSTER: `/opt/omcp/pgdata-${sample ? "sample" : "empty"}`,
    SERVER_KEY: certificates.key,
    SERVER_CERT: certificates.cert,
    HBA: `${tls ? "hostssl" : "host"} all all all ${password === undefined ? "trust" : "scram-sha-256"}`,
    PASSWORD: (password ?? "").replaceAll("'", "''"),
    SSL: tls ? "on" : "off",
    SETTINGS: Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`).join(" "),
  };
  const flags = Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  const label = ["--label", `org.omcp.test=${name}`];
  try {
    await docker([
      "run",
      "--detach",
      "--name",
      name,
      ...label,
      "--publish",
      "127.0.0.1::5432",
      ...flags,
      IMAGE,
      "sh",
      "-c",
      SCRIPT,
    ]);
    const port = await publishedPort(name);
    const sql = (text: string): Promise<string> =>
      docker([
        "exec",
        name,
        "psql",
        "-XqAt",
        "-h",
        "/run/postgresql",
        "-U",
        "omcp_admin",
        "-d",
        "cdm",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        text,
      ]);
    await ready(sql, name);
    const login = password === undefined ? "" : `:${encodeURIComponent(password)}`;
    const query = tls
      ? `?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificates.caPath ?? "")}`
      : "";
    return {
      url: `postgres://omcp_reader${login}@127.0.0.1:${port}/cdm${query}`,
      adminUrl: `postgres://omcp_admin${login}@127.0.0.1:${port}/cdm${query}`,
      port,
      name,
      caPath: certificates.caPath,
      sql,
      async pause() {
        await docker(["pause", name]);
      },
      async resume() {
        await docker(["unpause", name]);
      },
      async crash() {
        // When one session's process is killed, the server ends all others, recovers, and goes on.
        const pid = await sql("SELECT pid FROM pg_stat_activity WHERE usename = 'omcp_reader' LIMIT 1");
        await docker(["exec", name, "sh", "-c", `kill -9 ${Number(pid)}`]);
        await ready(sql, name);
      },
      async signal(pid, signal) {
        await docker(["exec", name, "sh", "-c", `kill -${signal} ${pid}`]);
      },
      async stop() {
        await docker(["rm", "--force", "--volumes", name]);
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (error) {
    await docker(["rm", "--force", "--volumes", name]).catch(function ignore() {});
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

async function ready(sql: (text: string) => Promise<string>, name: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (true) {
    try {
      await sql("SELECT 1");
      return;
    } catch (error) {
      if (performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      throw new Error(`Postgres did not start: ${await docker(["logs", name])}`, { cause: error });
    }
  }
}

async function publishedPort(name: string): Promise<number> {
  const text = await docker(["port", name, "5432/tcp"]);
  const port = /127\.0\.0\.1:(\d+)/.exec(text)?.[1];
  if (port === undefined) throw new Error(`No port was published: ${text}`);
  return Number(port);
}

/** Makes an authority and a server's certificate signed by it. */
async function makeCertificates(folder: string): Promise<{ key: string; cert: string; caPath: string }> {
  const path = (file: string): string => `${folder}/${file}`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl([
    "req",
    "-x509",
    ...key,
    "-keyout",
    path("ca.key"),
    "-out",
    path("ca.crt"),
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
  ]);
  await openssl([
    "req",
    ...key,
    "-keyout",
    path("server.key"),
    "-out",
    path("server.csr"),
    "-subj",
    "/CN=localhost",
  ]);
  await Deno.writeTextFile(
    path("extensions"),
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
  );
  const sign = [
    "-CA",
    path("ca.crt"),
    "-CAkey",
    path("ca.key"),
    "-CAcreateserial",
    "-extfile",
    path("extensions"),
  ];
  await openssl([
    "x509",
    "-req",
    "-in",
    path("server.csr"),
    ...sign,
    "-out",
    path("server.crt"),
    "-days",
    "2",
  ]);
  return {
    key: await Deno.readTextFile(path("server.key")),
    cert: await Deno.readTextFile(path("server.crt")),
    caPath: path("ca.crt"),
  };
}

function openssl(args: string[]): Promise<string> {
  return run("openssl", args);
}

function docker(args: string[]): Promise<string> {
  return run("docker", args);
}

async function run(command: string, args: string[]): Promise<string> {
  const output = await new Deno.Command(command, { args, stdin: "null" }).output();
  const text = Buffer.from(output.stdout).toString("utf8");
  if (output.success) return text.trim();
  throw new Error(`${command} ${args[0]} failed: ${Buffer.from(output.stderr).toString("utf8")}${text}`);
}
