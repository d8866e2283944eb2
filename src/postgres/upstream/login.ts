import { Duplex } from "node:stream";
import { Buffer } from "node:buffer";
import pg from "pg";
import { OmcpError } from "../../errors.ts";
import { errorMessage } from "../../lib/error_message.ts";
import { type ByteReader } from "../../lib/byte_reader.ts";
import { type BackendMessage, readBackendMessage } from "../wire/backend.ts";
import { readUint32 } from "../../lib/bytes.ts";
import { BACKEND, readName } from "../wire/message.ts";
import { parseServerError } from "../wire/server_error.ts";
import type { ServerKey, SessionSettings } from "./upstream.ts";

/** The largest message that is read while logging in, in bytes. */
const MAX_LOGIN_MESSAGE = 64 * 1024;
const CLEARTEXT_PASSWORD = 3;
const DECODER = new TextDecoder();

/** Who logs in over a bare stream, and how. */
export interface LoginOptions {
  readonly reader: ByteReader;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly settings: SessionSettings;
  /** Whether a password in clear text could be overheard. */
  readonly exposed: boolean;
}

/** What the server reported during the log-in. */
export interface LoginResult {
  readonly parameters: ReadonlyMap<string, string>;
  readonly key: ServerKey | undefined;
}

/**
 * Sends the startup message and authenticates (trust, SCRAM-SHA-256, MD5, clear text where nobody can read it). `npm:pg` does
 * this over a stream that gives it one message at a time and nothing after the first ReadyForQuery. So no byte is lost when the
 * broker takes the connection over, and pg reads neither files nor the environment.
 *
 * @param options Who and how.
 * @returns Parameters and cancel key.
 * @throws {OmcpError} `database_unavailable`; with `details.sqlstate` if the server gave one.
 */
export async function login(options: LoginOptions): Promise<LoginResult> {
  const bridge = new LoginBridge(options.write);
  const client = new pg.Client(clientConfig(options, bridge));
  // pg reports a lost connection here as well; the caller sees it on the stream itself.
  client.on("error", function ignore() {});
  try {
    // pg may find a reason of its own to stop, such as a server that cannot prove it knows the password.
    const [result] = await Promise.all([feed(options, bridge), client.connect()]);
    return result;
  } catch (error) {
    if (error instanceof OmcpError) throw error;
    const reason = errorMessage(error);
    throw new OmcpError("database_unavailable", `Login to the database failed: ${reason}`, { cause: error });
  } finally {
    bridge.destroy();
  }
}

/** Options of pg beyond its published types. Each has a value here: for one without, pg would look into the environment. */
interface CompleteConfig extends pg.ClientConfig {
  readonly binary: boolean;
  readonly replication: string;
}

function clientConfig(options: LoginOptions, bridge: LoginBridge): CompleteConfig {
  return {
    host: "upstream.invalid",
    port: 5432,
    user: options.user,
    database: options.database,
    // A function, so that pg does not read a password from the environment or ~/.pgpass.
    password: function askPassword(): string {
      if (options.password === undefined) {
        throw new Error("the server asks for a password, and the URL has none");
      }
      return options.password;
    },
    ssl: false,
    stream: () => bridge,
    options: startupOptions(options.settings),
    // pg sends it beside `options`, where it would take precedence
    application_name: options.settings["application_name"] ?? "omcp",
    client_encoding: "UTF8",
    connectionTimeoutMillis: 3_600_000,
    binary: true,
    replication: "false",
    sslnegotiation: "postgres",
  };
}

/** Writes settings as a startup `options` text, in which blank and backslash are escaped. */
function startupOptions(settings: SessionSettings): string {
  return Object.entries({ client_encoding: "UTF8", ...settings })
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\\s]/g, "\\$&")}`)
    .join(" ");
}

async function readLoginMessage(reader: ByteReader): Promise<BackendMessage | undefined> {
  try {
    return await readBackendMessage(reader, MAX_LOGIN_MESSAGE);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error("the server does not speak the Postgres protocol", { cause: error });
  }
}

async function feed(options: LoginOptions, bridge: LoginBridge): Promise<LoginResult> {
  const parameters = new Map<string, string>();
  let key: ServerKey | undefined;
  while (true) {
    const next = await readLoginMessage(options.reader);
    if (next === undefined) throw new Error("the server closed the connection");
    const { type, header, body } = next;
    if (type === BACKEND.error) throw refusedLogin(body);
    if (type === BACKEND.authentication && options.exposed && readUint32(body, 0) === CLEARTEXT_PASSWORD) {
      throw new Error("the server wants the password in clear text over a connection without TLS");
    }
    if (type === BACKEND.parameterStatus) putParameter(parameters, body);
    if (type === BACKEND.backendKey) key = { processId: readUint32(body, 0), secret: body.slice(4) };
    bridge.push(Buffer.concat([header, body]));
    if (type === BACKEND.readyForQuery) return { parameters, key };
  }
}

/**
 * Reads a ParameterStatus into a map.
 *
 * @param parameters Where to put it.
 * @param body The message's body.
 */
export function putParameter(parameters: Map<string, string>, body: Uint8Array): void {
  const name = readName(body, 0);
  const value = name === undefined ? undefined : readName(body, name.next);
  if (name === undefined || value === undefined) return;
  // The names of roles and schemas may be in any script.
  parameters.set(name.name, DECODER.decode(body.subarray(name.next, value.next - 1)));
}

function refusedLogin(body: Uint8Array): OmcpError {
  const error = parseServerError(body);
  return new OmcpError(
    "database_unavailable",
    `Database refused the login: ${error.message} (${error.sqlstate})`,
    {
      state: "Nothing was read or changed.",
      next: loginAdvice(error.sqlstate),
      details: { sqlstate: error.sqlstate },
      // A wrong password or name stays wrong; a server that starts or is full does not.
      retryable: !/^(28|3D|42)/.test(error.sqlstate),
    },
  );
}

function loginAdvice(sqlstate: string): string {
  if (sqlstate === "3D000") return "Create the database, or name one that exists in the URL.";
  if (sqlstate.startsWith("28")) {
    return "Correct the role and the password in the URL (in a URL, write the characters @ : / ? # % of a password as %40 %3A %2F %3F %23 %25), or let an administrator permit the login in pg_hba.conf.";
  }
  if (sqlstate.startsWith("42")) return "Let an administrator grant the role CONNECT on the database.";
  return "Try again in a moment.";
}

/** The duplex that pg takes for its socket. */
class LoginBridge extends Duplex {
  readonly #send: (bytes: Uint8Array) => Promise<void>;

  constructor(send: (bytes: Uint8Array) => Promise<void>) {
    super();
    this.#send = send;
  }

  connect(): this {
    queueMicrotask(() => this.emit("connect"));
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(() => done(), done);
  }
}
