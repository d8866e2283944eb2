import { concatBytes, readUint32 } from "../../lib/bytes.ts";
import type { UpstreamSession } from "../upstream/mod.ts";
import { putParameter } from "../upstream/login.ts";
import { BACKEND, HEADER_BYTES } from "../wire/message.ts";
import { errorResponse, parseServerError, type ServerError, shownError } from "../wire/server_error.ts";
import { limitHint, tooLong } from "./limit_errors.ts";
import type { ClientWriter } from "./client_writer.ts";
import { ConnectionEnd } from "./connection_end.ts";
import type { PipelineState } from "./pipeline_state.ts";
import { refusalBehind } from "./refusals.ts";

/** What a {@link BackendRelay} works with. */
export interface BackendRelayOptions {
  readonly session: UpstreamSession;
  readonly client: ClientWriter;
  readonly state: PipelineState;
  /** The most bytes of rows for one statement. */
  readonly resultBytes: number;
  /** Asks the server to cancel the running statement; nothing is sent to it until the request has arrived. */
  readonly cancel: () => void;
  /** Takes the name of a snapshot that was exported, if there is one. */
  readonly exported: (snapshot: string | undefined) => void;
}

/** The largest message that is read as a whole; rows never are. */
const MAX_CAPTURED = 1024 * 1024;
const EXPORT_SNAPSHOT = "export_snapshot";
const EMPTY = new Uint8Array(0);
const DECODER = new TextDecoder();

/** Messages passed on without being read or kept. */
const STREAMED: ReadonlySet<number> = new Set<number>([
  BACKEND.dataRow,
  BACKEND.copyData,
  BACKEND.copyDone,
  BACKEND.copyOut,
  BACKEND.rowDescription,
  BACKEND.parameterDescription,
  BACKEND.notification,
]);

/** Relays the server's messages: rows as they arrive, never a whole result at once. */
export class BackendRelay {
  readonly #options: BackendRelayOptions;
  readonly #parameters: Map<string, string>;
  #held: Uint8Array = EMPTY;
  #bodyLeft = 0;
  #bodyPasses = true;
  /** Set while a statement over its budget is being cancelled and its rows are dropped. */
  #overBudget = false;
  #sawFatal = false;
  #writing: Promise<void> | undefined;
  #abandoned = false;

  /** @param options Both ends, and the state between them. */
  constructor(options: BackendRelayOptions) {
    this.#options = options;
    this.#parameters = new Map(options.session.parameters);
  }

  /** Whether the client has received whole messages only, so that another may follow. */
  get atBoundary(): boolean {
    return this.#bodyLeft === 0 || !this.#bodyPasses;
  }

  /** Whether the server itself has reported the end of the connection to the client. */
  get sawFatal(): boolean {
    return this.#sawFatal;
  }

  /** Stops relaying. @returns When the client has received what was on its way. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    await this.#writing;
  }

  /**
   * Relays until the server closes.
   *
   * @throws {ConnectionEnd} If the session must end.
   */
  async run(): Promise<void> {
    const { session, client, state } = this.#options;
    while (true) {
      const chunk = await session.reader.readSome();
      if (chunk === undefined) return;
      if (this.#abandoned) continue;
      state.heard();
      const out: Uint8Array[] = [];
      try {
        this.#scan(this.#held.length === 0 ? chunk : concatBytes([this.#held, chunk]), out);
      } finally {
        // The client still gets the messages before the one that ends the connection.
        if (out.length > 0 && !this.#abandoned) await (this.#writing = client.write(concatBytes(out)));
      }
    }
  }

  #scan(chunk: Uint8Array, out: Uint8Array[]): void {
    this.#held = EMPTY;
    const end = chunk.length;
    let at = 0;
    let from = 0;
    try {
      while (at < end) {
        if (this.#bodyLeft > 0) {
          const step = Math.min(this.#bodyLeft, end - at);
          if (!this.#bodyPasses) {
            if (at > from) out.push(chunk.subarray(from, at));
            from = at + step;
          }
          this.#bodyLeft -= step;
          at += step;
          continue;
        }
        if (end - at < HEADER_BYTES) break;
        const type = chunk[at] ?? 0;
        const total = readUint32(chunk, at + 1) + 1;
        if (total < HEADER_BYTES) {
          throw new ConnectionEnd(
            "08P01",
            "the database sent a message without a length: the connection is closed",
          );
        }
        if (this.#isStreamed(type) || total > MAX_CAPTURED) {
          if (type === BACKEND.error) {
            if (at > from) out.push(chunk.subarray(from, at));
            from = at;
            out.push(tooLong(total));
          }
          this.#bodyPasses = this.#stream(type, total);
          this.#bodyLeft = total;
          continue;
        }
        if (end - at < total) break;
        // Most messages of a pipeline are empty.
        const body = total === HEADER_BYTES ? EMPTY : chunk.subarray(at + HEADER_BYTES, at + total);
        const replacement = this.#handle(type, body);
        if (replacement !== undefined) {
          if (at > from) out.push(chunk.subarray(from, at));
          out.push(replacement);
          from = at + total;
        }
        at += total;
      }
    } finally {
      if (at > from) out.push(chunk.subarray(from, at));
    }
    if (at < end) this.#held = chunk.slice(at);
  }

  /** Rows are read for one purpose: to find the snapshots that a sandbox has exported. */
  #isStreamed(type: number): boolean {
    return STREAMED.has(type) &&
      !(type === BACKEND.dataRow && this.#options.state.command === EXPORT_SNAPSHOT);
  }

  /** Decides on a message by its header. Returns whether it is passed on. */
  #stream(type: number, total: number): boolean {
    const { state, resultBytes, cancel } = this.#options;
    switch (type) {
      case BACKEND.dataRow:
        state.rows += 1;
        state.bytes += total;
        break;
      case BACKEND.copyData:
        state.bytes += total;
        break;
      case BACKEND.rowDescription:
        state.described();
        return true;
      case BACKEND.copyDone:
        return !this.#overBudget;
      case BACKEND.notification:
        return false;
      case BACKEND.notice:
        return false;
      case BACKEND.error:
        state.failed("XX000", false);
        return false;
      default:
        if (STREAMED.has(type)) return true;
        throw new ConnectionEnd("08P01", "the database sent an unexpected message: the connection is closed");
    }
    if (state.bytes > resultBytes && !this.#overBudget) {
      this.#overBudget = true;
      cancel();
    }
    return !this.#overBudget;
  }

  /** Handles a whole message. Returns what the client gets in its place; undefined for the message itself. */
  #handle(type: number, body: Uint8Array): Uint8Array | undefined {
    const { state } = this.#options;
    switch (type) {
      case BACKEND.parseComplete:
        state.parsed();
        return undefined;
      case BACKEND.bindComplete:
        state.bound();
        return undefined;
      case BACKEND.closeComplete:
        state.closed();
        return undefined;
      case BACKEND.noData:
        state.described();
        return undefined;
      case BACKEND.commandComplete:
      case BACKEND.emptyQuery:
      case BACKEND.portalSuspended:
        // The cancel was too late: rows are missing, and the server reports a success.
        if (this.#overBudget) throw overBudget(this.#options.resultBytes);
        state.completed(type === BACKEND.commandComplete ? DECODER.decode(body.subarray(0, -1)) : "");
        return undefined;
      case BACKEND.readyForQuery:
        return state.ready(String.fromCharCode(body[0] ?? 0)) ? undefined : EMPTY;
      case BACKEND.dataRow:
        state.rows += 1;
        state.bytes += body.length + HEADER_BYTES;
        this.#options.exported(snapshotIn(body));
        return undefined;
      case BACKEND.error:
        return this.#error(parseServerError(body), body);
      case BACKEND.notice:
        return shownError(type, body);
      case BACKEND.parameterStatus:
        this.#checkParameter(body);
        return undefined;
      default:
        throw new ConnectionEnd("08P01", "the database sent an unexpected message: the connection is closed");
    }
  }

  #error(error: ServerError, body: Uint8Array): Uint8Array | undefined {
    const { state } = this.#options;
    const fatal = error.severity !== "ERROR";
    if (fatal) this.#sawFatal = true;
    if (this.#overBudget) {
      this.#overBudget = false;
      const end = overBudget(this.#options.resultBytes);
      state.failed(end.sqlstate, false);
      return fatal ? shownError(BACKEND.error, body) : errorResponse({
        severity: "ERROR",
        sqlstate: end.sqlstate,
        message: end.message,
        hint: "Ask for fewer rows or columns, aggregate in SQL, or read in parts with a server-side cursor.",
      });
    }
    const refusal = refusalBehind(state.substitute, error);
    const position = error.position === undefined ? undefined : state.writtenPosition(error.position);
    state.failed(error.sqlstate, refusal !== undefined);
    if (refusal !== undefined) return errorResponse({ severity: "ERROR", ...refusal });
    const hint = error.hint === undefined ? limitHint(error) : undefined;
    if (hint !== undefined) return errorResponse({ ...error, hint });
    return shownError(BACKEND.error, body, position);
  }

  /** An independent layer: if anything changes a setting on which the guard depends, the session ends. */
  #checkParameter(body: Uint8Array): void {
    const before = new Map(this.#parameters);
    putParameter(this.#parameters, body);
    for (const name of ["default_transaction_read_only", "standard_conforming_strings", "client_encoding"]) {
      this.#requireSame(name, before);
    }
    for (const name of ["is_superuser", "session_authorization", "search_path"]) {
      this.#requireSame(name, before);
    }
  }

  #requireSame(name: string, before: ReadonlyMap<string, string>): void {
    const was = before.get(name);
    if (was === undefined || this.#parameters.get(name) === was) return;
    throw new ConnectionEnd(
      "42501",
      `the setting ${name} may not be changed in a sandbox: the connection is closed`,
    );
  }
}

/** A snapshot's name among a row's values; text and binary format write it alike. */
function snapshotIn(row: Uint8Array): string | undefined {
  return /[0-9A-F]{8}-[0-9A-F]{8}-[0-9A-F]{1,8}/.exec(DECODER.decode(row))?.[0];
}

function overBudget(limit: number): ConnectionEnd {
  return new ConnectionEnd(
    "53400",
    `the result is larger than the ${limit} bytes that are allowed for one statement`,
  );
}
