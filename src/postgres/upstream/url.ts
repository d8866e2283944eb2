import { OmcpError } from "../../errors.ts";

/**
 * How the connection is protected. `require` and `verify-ca` act as `verify-full`, because encryption towards an unverified server
 * does not protect from an attacker in between.
 */
export type TlsMode = "disable" | "verify-full";

/** A URL's address of a Postgres, and its role. */
export interface PostgresAddress {
  /** Host and port, or the path of a Unix socket. */
  readonly target: { readonly kind: "tcp"; readonly host: string; readonly port: number } | {
    readonly kind: "unix";
    readonly path: string;
  };
  /** The role to log in as. */
  readonly user: string;
  /** Never printed. */
  readonly password: string | undefined;
  /** The database; the user's name if the URL has none. */
  readonly database: string;
  /** What holds after the defaults; see {@link parseDatabaseUrl}. */
  readonly tls: TlsMode;
  /** A PEM file with the certificate authority of the server. */
  readonly rootCertificate: string | undefined;
}

/**
 * Names the server of an address.
 *
 * @param address Its target.
 * @returns Host and port, or the path of a Unix socket.
 */
export function serverName({ target }: Pick<PostgresAddress, "target">): string {
  return target.kind === "unix" ? target.path : `${target.host}:${target.port}`;
}

const MODES: Readonly<Record<string, TlsMode>> = {
  disable: "disable",
  require: "verify-full",
  "verify-ca": "verify-full",
  "verify-full": "verify-full",
};
const PARAMETERS = new Set(["sslmode", "sslrootcert", "host", "user"]);
const LOOPBACK = new Set(["localhost", "127.0.0.1", "::1"]);

/**
 * Parses a database URL: `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`, or for a Unix socket
 * `postgres:///database?host=/folder&user=name`. TLS is `verify-full` unless the URL says otherwise, and `disable` towards
 * this machine (localhost, 127.0.0.1, ::1, a Unix socket); nowhere else is `disable` allowed.
 *
 * @param text The URL.
 * @returns Its parts.
 * @throws {OmcpError} `config_invalid`, which names the fault and never repeats the URL.
 */
export function parseDatabaseUrl(text: string): PostgresAddress {
  refuseSpace(text);
  refuseBareSigns(text);
  const url = URL.parse(text);
  if (url === null) throw invalid("it is not a URL");
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    throw invalid(`its scheme must be postgres or postgresql: found ${url.protocol.slice(0, -1)}`);
  }
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.has(name)) {
      throw invalid(`parameter ${name} is not supported: only sslmode and sslrootcert are`);
    }
  }
  const target = parseTarget(url);
  const user = decode(url.username, "user") || (url.searchParams.get("user") ?? "");
  if (user === "") throw invalid("it names no user");
  const database = decode(url.pathname.replace(/^\//, ""), "database") || user;
  if (`${user}${database}`.includes("\0")) throw invalid("it contains a NUL");
  const password = decode(url.password, "password");
  return {
    target,
    user,
    password: password === "" ? undefined : password,
    database,
    tls: parseMode(url.searchParams.get("sslmode"), target),
    rootCertificate: parseRootCertificate(url.searchParams.get("sslrootcert")),
  };
}

/** `URL.parse()` drops some of these silently, so that it would read another URL than {@link refuseBareSigns}, or another password. */
function refuseSpace(text: string): void {
  if (!/[\s\p{Cc}]/u.test(text)) return;
  throw invalid(
    "it contains white space or a control character: remove it, or percent-encode it (a space is %20)",
  );
}

/** A bare `/`, `?` or `#` ends a password early: its rest would become a host, port or path, which errors name. */
function refuseBareSigns(text: string): void {
  const authority = /^[a-z]+:\/\/([^/?#]*)/i.exec(text);
  if (authority === null) return;
  const rest = text.slice(authority[0].length);
  const path = rest.replace(/\?.*$/s, "");
  const before = authority[1] ?? "";
  if (
    path.includes("@") || rest.includes("#") ||
    (!before.includes("@") && before.includes(":") && rest.includes("@"))
  ) {
    throw invalid(
      "percent-encode special signs in user, password and database: / is %2F, # is %23, ? is %3F, @ is %40",
    );
  }
}

function parseTarget(url: URL): PostgresAddress["target"] {
  const port = url.port === "" ? 5432 : Number(url.port);
  const host = decode(url.hostname.replace(/^\[(.*)\]$/, "$1"), "host");
  const folder = url.searchParams.get("host") ?? (host.startsWith("/") ? host : undefined);
  if (folder !== undefined) {
    if (!folder.startsWith("/")) throw invalid("parameter host must be the folder of a Unix socket");
    if (host !== "" && host !== folder) throw invalid("it names two hosts");
    return { kind: "unix", path: `${folder.replace(/\/$/, "")}/.s.PGSQL.${port}` };
  }
  if (host === "") throw invalid("it names no host");
  if (host.includes(",")) throw invalid("it names several hosts: one is supported");
  return { kind: "tcp", host: host.toLowerCase(), port };
}

function parseMode(mode: string | null, target: PostgresAddress["target"]): TlsMode {
  if (mode === null) {
    return target.kind === "unix" || LOOPBACK.has(target.host) ? "disable" : "verify-full";
  }
  const honoured = MODES[mode];
  if (honoured === undefined) {
    throw invalid(
      `sslmode=${mode} is not supported: use disable or verify-full (require and verify-ca are treated as verify-full)`,
    );
  }
  if (target.kind === "tcp" && honoured === "disable" && !LOOPBACK.has(target.host)) {
    throw invalid(
      "sslmode=disable is for this machine only (localhost, 127.0.0.1, ::1): elsewhere the password would travel in clear",
    );
  }
  if (target.kind === "unix" && honoured !== "disable") {
    throw invalid(`sslmode=${mode} does not fit a Unix socket`);
  }
  return honoured;
}

function parseRootCertificate(path: string | null): string | undefined {
  if (path === "system") {
    throw invalid("sslrootcert must be a file: leave it out to trust the runtime's own authorities");
  }
  return path === null || path === "" ? undefined : path;
}

function decode(part: string, name: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`its ${name} is not percent-encoded properly`);
  }
}

function invalid(reason: string): OmcpError {
  return new OmcpError("config_invalid", `Database URL cannot be used: ${reason}`, {
    state: "Nothing was connected to.",
    next: "Set OMCP_DATABASE_URL to postgres://user:password@host:port/database?sslmode=verify-full.",
  });
}
