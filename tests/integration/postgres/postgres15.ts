/** PostgreSQL 15 as Debian 12 has it, beside whatever else runs on the machine: own files, own port, ended by its process's id. */
import { exists, readTextOr } from "../../../src/lib/files.ts";
import { Buffer } from "node:buffer";
import { readerRoleSql } from "../../../src/postgres/mod.ts";
import { ask, urlUpstream } from "../../../src/postgres/upstream/mod.ts";
import { freePort } from "../../fixtures/free_port.ts";

const INSTALLED = "/usr/lib/postgresql/15/bin";
/** What the server's program is linked with; most of it every system has. */
const LIBRARIES = ["libgssapi-krb5-2", "libicu72", "libldap-2.5-0", "liblz4-1", "libxml2", "tzdata"];
/** PostgreSQL does not run as root. */
const NOBODY = 65_534;
const START_DEADLINE_MS = 30_000;

/** Whether a server of this version can be had: it is there, or this is Debian 12 and root may fetch it. */
export const HAS_POSTGRES_15: boolean = await exists(`${INSTALLED}/postgres`) ||
  (Deno.uid() === 0 && /^VERSION_CODENAME=bookworm$/m.test(await readTextOr("/etc/os-release", "")));

/** A server of its own on a loopback port. */
export interface Postgres15 extends AsyncDisposable {
  readonly port: number;
  /** The URL of a role. */
  url(role: string): string;
  /** Runs statements as the superuser. @returns The first column of the rows. */
  sql(text: string): Promise<readonly (string | null)[]>;
}

/**
 * Starts a server with an empty database `cdm`, the superuser `omcp_admin` and `cdm_owner`, who owns the schema `cdm`. The role
 * `omcp_reader` is for {@link makeReader}.
 */
export async function startPostgres15(): Promise<Postgres15> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-test-postgres15-" });
  let server: Deno.ChildProcess | undefined;
  const dispose = async (): Promise<void> => {
    // Immediate: there is nothing to keep.
    server?.kill("SIGQUIT");
    await server?.status;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    const bin = await exists(`${INSTALLED}/postgres`) ? INSTALLED : await fetchServer(`${folder}/root`);
    const data = `${folder}/data`;
    await Deno.mkdir(data);
    if (Deno.uid() === 0) {
      await Deno.chmod(folder, 0o755);
      await Deno.chown(data, NOBODY, NOBODY);
    }
    await unprivileged([
      `${bin}/initdb`,
      "-D",
      data,
      "-U",
      "omcp_admin",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--no-sync",
    ]);
    const port = freePort();
    const [program = "", ...args] = asNobody([
      ...[`${bin}/postgres`, "-D", data, "-p", String(port), "-k", data, "-c", "listen_addresses=127.0.0.1"],
      ...["-c", "fsync=off", "-c", "jit=off", "-c", "logging_collector=off"],
    ]);
    server = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
    const url = (role: string, database = "cdm"): string =>
      `postgres://${role}@127.0.0.1:${port}/${database}`;
    await ready(url("omcp_admin", "postgres"));
    const sql = (text: string) => run(url("omcp_admin"), text);
    await run(url("omcp_admin", "postgres"), "CREATE DATABASE cdm");
    await sql("CREATE ROLE cdm_owner LOGIN; CREATE SCHEMA cdm AUTHORIZATION cdm_owner");
    return { port, url, sql, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Makes the role as `omcp doctor` prints it, to the letter. */
export async function makeReader(server: Postgres15): Promise<void> {
  await server.sql(readerRoleSql({ role: "omcp_reader", schema: "cdm", database: "cdm" }));
}

async function run(url: string, text: string): Promise<readonly (string | null)[]> {
  const signal = AbortSignal.timeout(60_000);
  const session = await urlUpstream(url).connect({}, signal);
  try {
    return (await ask(session, text, signal)).map(([first = null]) => first);
  } finally {
    session.close();
  }
}

async function ready(url: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (true) {
    try {
      await run(url, "SELECT 1");
      return;
    } catch (error) {
      if (performance.now() > deadline) throw new Error("PostgreSQL 15 did not start", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Unpacks the distribution's package: nothing of it is installed, and no cluster of the machine's is made or started. */
async function fetchServer(root: string): Promise<string> {
  await Deno.mkdir(root);
  await command(["apt-get", "install", "-qy", "--no-install-recommends", ...LIBRARIES]).catch(async () => {
    await command(["apt-get", "update", "-q"]);
    await command(["apt-get", "install", "-qy", "--no-install-recommends", ...LIBRARIES]);
  });
  // apt's own user has no right to this folder, which it would warn of.
  await command(["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", "postgresql-15"], root);
  for await (const { name } of Deno.readDir(root)) {
    if (name.endsWith(".deb")) await command(["dpkg-deb", "-x", name, "."], root);
  }
  return `${root}${INSTALLED}`;
}

function asNobody(args: readonly string[]): readonly string[] {
  if (Deno.uid() !== 0) return args;
  // It also ends with a test that is killed.
  const who = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--pdeathsig=QUIT"];
  return ["setpriv", ...who, ...args];
}

function unprivileged(args: readonly string[]): Promise<void> {
  return command(asNobody(args));
}

async function command([program = "", ...args]: readonly string[], cwd = "/"): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd, env, stdin: "null" })
    .output();
  if (success) return;
  throw new Error(`${program} ${args[0]} failed: ${Buffer.concat([stderr, stdout]).toString("utf8")}`);
}
