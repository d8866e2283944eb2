/** Calls of tools by code in a sandbox, over a stream for each call: the service behind the Python package `omcp`. */
import { OmcpError } from "../../errors.ts";
import { abortable } from "../../lib/async/abortable.ts";
import { DeadlineSignal, within } from "../../lib/async/deadline.ts";
import { ByteReader } from "../../lib/byte_reader.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import { closestNames } from "../../lib/closest_names.ts";
import type { MoreFacts } from "../../observability/audit.ts";
import { logger } from "../../observability/log.ts";
import { newExecutionId } from "../../sandbox/mod.ts";
import type { Principal } from "../principal.ts";
import { errorData, knownError } from "../results.ts";
import type { OfferedTool, ToolData, ToolServices } from "../tool.ts";
import type { ToolOffer } from "../tool_offer.ts";
import { CODE_CALL_LIMITS, type CodeCallLimits } from "./limits.ts";
import { type CodeRequest, readRequest } from "./request.ts";
import { Turns } from "./turns.ts";

const log = logger("mcp");
const encoder = new TextEncoder();

/** What the calls are answered with. */
export interface CodeCallsOptions {
  readonly offer: ToolOffer;
  readonly services: ToolServices;
  /** Who owns the sandboxes: code in one has its owner's rights, and no more. */
  readonly principal: Principal;
  /** @default {CODE_CALL_LIMITS} */
  readonly limits?: CodeCallLimits;
}

/**
 * Answers calls by code. A stream has one request, `{"tool", "arguments"}` and a line feed, and gets one line: `{"ok": true, "value"}` or
 * `{"ok": false, "error"}`. A client that closes its side before the answer cancels the call.
 */
export class CodeCalls {
  readonly #options: CodeCallsOptions;
  readonly #limits: CodeCallLimits;

  /** @param options See {@link CodeCallsOptions}. */
  constructor(options: CodeCallsOptions) {
    this.#options = options;
    this.#limits = options.limits ?? CODE_CALL_LIMITS;
  }

  /**
   * The calls of one sandbox.
   *
   * @param sandboxId The sandbox: a tool that needs one gets this one, whatever the code names.
   * @returns Serves a stream; returns at once. Beyond the bound on streams it resets it.
   */
  serve(sandboxId: string): (stream: ByteStream) => void {
    const turns = new Turns(this.#limits);
    let open = 0;
    return (stream) => {
      if (open >= this.#limits.streams) {
        drop(stream, `a sandbox may have at most ${this.#limits.streams} calls of tools at a time`);
        return;
      }
      open += 1;
      void this.#serve(stream, { sandboxId, turns }).catch((error: unknown) => drop(stream, String(error)))
        .finally(() => open -= 1);
    };
  }

  async #serve(
    stream: ByteStream,
    from: { readonly sandboxId: string; readonly turns: Turns },
  ): Promise<void> {
    const reader = new ByteReader(stream.readable);
    const writer = stream.writable.getWriter();
    // A failed write rejects this one, too.
    writer.closed.catch(() => {});
    try {
      const line = await within(reader.readLine(this.#limits.requestBytes), this.#limits.readMs);
      const gone = new AbortController();
      const left = reader.readSome(1).catch(() => undefined).then(() =>
        gone.abort(new OmcpError("cancelled", "The code closed its connection"))
      );
      if (line === "ended") return;
      await this.#respond(line, writer, { ...from, signal: gone.signal });
      // Until the client has read everything: a reset discards what it has not.
      await within(left, this.#limits.writeMs);
    } finally {
      await Promise.allSettled([reader.cancel(), writer.abort()]);
    }
  }

  /** Calls the tool and sends the answer; the turn lasts until the client has taken it, so that answers do not pile up. */
  async #respond(
    line: Uint8Array | "too_long" | undefined,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    { sandboxId, turns, signal }: {
      readonly sandboxId: string;
      readonly turns: Turns;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    let turn: Disposable | undefined;
    try {
      let answer: Uint8Array;
      try {
        const request = this.#request(line);
        turn = await turns.begin(signal);
        answer = await this.#audited(request, sandboxId, signal);
      } catch (error) {
        answer = encoded({ ok: false, error: errorData(knownError(error)) });
      }
      const sent = writer.write(answer).then(() => writer.close()).then(() => true, () => true);
      if (await within(sent, this.#limits.writeMs) === undefined) throw new Error("the answer was not read");
    } finally {
      turn?.[Symbol.dispose]();
    }
  }

  #request(line: Uint8Array | "too_long" | undefined): CodeRequest {
    const { requestBytes, readMs } = this.#limits;
    if (line === undefined) {
      throw new OmcpError("timeout", `The call did not arrive within ${readMs / 1000} s`);
    }
    if (line === "too_long") {
      throw new OmcpError("invalid_argument", `A call may have at most ${requestBytes} bytes`, {
        state: "Nothing was done.",
      });
    }
    return readRequest(line, this.#limits);
  }

  /** Answers, with a line in the audit and one in the log, as for a call of the model's. */
  async #audited(request: CodeRequest, sandboxId: string, signal: AbortSignal): Promise<Uint8Array> {
    const { services, principal } = this.#options;
    const start = performance.now();
    const tool = this.#tool(request.tool);
    let outcome = "failed";
    const more: MoreFacts = {};
    try {
      const facts = {
        execution: newExecutionId(),
        principal: principal.id,
        sandbox: sandboxId,
        tool: `omcp.${tool.name}`,
        source: JSON.stringify(request.arguments),
        usesKernel: false,
        more,
      };
      const answer = await services.audit.execution(
        facts,
        async () => this.#success(await this.#called(tool, request, { sandboxId, signal, audit: more })),
        (bytes) => ({ status: "ok", bytes: bytes.length }),
      );
      outcome = "ok";
      return answer;
    } finally {
      const durationMs = Math.round(performance.now() - start);
      log.info("{tool} by code: {outcome} in {durationMs} ms", {
        tool: tool.name,
        outcome,
        durationMs,
        sandbox: sandboxId,
      });
    }
  }

  #tool(name: string): OfferedTool {
    const offered = this.#options.offer.current().filter(({ data }) => data !== undefined);
    const found = offered.find((tool) => tool.name === name);
    if (found !== undefined) return found;
    const names = offered.map((tool) => tool.name);
    const [close] = closestNames(name, names);
    throw new OmcpError("invalid_argument", `Code cannot call ${JSON.stringify(name)}`, {
      state: "Nothing was done.",
      next: close === undefined ? `It can call ${names.join(", ")}.` : `Did you mean ${close}?`,
    });
  }

  async #called(
    tool: OfferedTool,
    { arguments: given, ran, empty }: CodeRequest,
    { sandboxId, signal, audit }: {
      readonly sandboxId: string;
      readonly signal: AbortSignal;
      readonly audit: MoreFacts;
    },
  ): Promise<ToolData> {
    const { services, principal } = this.#options;
    const own = "sandbox_id" in tool.input.shape ? { ...given, sandbox_id: sandboxId } : given;
    using deadline = new DeadlineSignal(services.limits.queryMs, signal);
    const context = {
      audit,
      principal,
      services,
      signal: deadline.signal,
      ran,
      empty,
      // Nobody watches a call by code.
      progress: () => {},
      limit: () => {},
      note: () => {},
    };
    try {
      return await abortable(Promise.resolve(tool.data?.(own, context) ?? {}), deadline.signal);
    } catch (error) {
      throw knownError(error);
    }
  }

  #success(value: ToolData): Uint8Array {
    const bytes = encoded({ ok: true, value });
    const { answerBytes } = this.#limits;
    if (bytes.length <= answerBytes) return bytes;
    throw new OmcpError(
      "result_too_large",
      `The answer has ${bytes.length} bytes: the maximum is ${answerBytes}`,
      { next: "Set a lower limit." },
    );
  }
}

/** An answer as it is sent. */
function encoded(answer: Readonly<Record<string, unknown>>): Uint8Array {
  return encoder.encode(`${JSON.stringify(answer)}\n`);
}

/** Resets a stream; the agent passes the reason on to the client. */
function drop(stream: ByteStream, reason: string): void {
  const error = new Error(reason);
  if (!stream.writable.locked) stream.writable.abort(error).catch(() => {});
  if (!stream.readable.locked) stream.readable.cancel(error).catch(() => {});
}
