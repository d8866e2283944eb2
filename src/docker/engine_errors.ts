import { ownCommand } from "../lib/own_command.ts";
import { OmcpError } from "../errors.ts";
import type { OmcpErrorOptions } from "../errors.ts";

/** The system's number of an error, which follows its words. */
const OS_ERROR = / \(os error \d+\)/g;

/** The longest message of the engine that is passed on, in characters. */
const MAX_MESSAGE = 2_000;

/** It names no command, because `doctor` and `setup` print it too. */
const CHECK_ENGINE = "Check that the engine runs and that this user may use its socket.";

/**
 * Makes the engine's own message safe to show: one line, bounded, no control characters.
 *
 * @param text The engine's message.
 * @returns The text without a final period.
 */
export function sanitizeMessage(text: string): string {
  // deno-lint-ignore no-control-regex
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  const cut = plain.length > MAX_MESSAGE
    ? `${plain.slice(0, MAX_MESSAGE)}… (${plain.length - MAX_MESSAGE} characters more)`
    : plain;
  return cut.replace(/\.$/, "").trimEnd();
}

/**
 * Turns an error response into a typed error.
 *
 * @param action What was attempted, such as "start container x".
 * @param status The HTTP status.
 * @param message The engine's own message; may be empty.
 * @returns The error to throw.
 */
export function engineError(action: string, status: number, message: string): OmcpError {
  const reason = sanitizeMessage(message) || "no message";
  const text = `Cannot ${action}: the engine responded ${status}: ${reason}`;
  const details = { status };
  if (status === 404 && /no such image|pull access denied|manifest .*(?:unknown|not found)/i.test(message)) {
    return new OmcpError("image_missing", text, {
      details,
      next: `Build or load the image first: \`${ownCommand("setup")}\` builds this program's images.`,
    });
  }
  const [code, next] = classify(status);
  return new OmcpError(code, text, { details, next });
}

function classify(
  status: number,
): ["engine_not_found" | "engine_conflict" | "engine_refused" | "engine_failed", string] {
  if (status === 404) {
    return ["engine_not_found", "It was removed or never existed; do not retry with the same id."];
  }
  if (status === 409) return ["engine_conflict", "Check the object's current state before you try again."];
  if (status >= 400 && status < 500) {
    return ["engine_refused", "Fix the cause that the engine reports; a retry does not help."];
  }
  return ["engine_failed", "Try again; if it persists, see the engine's own log."];
}

/**
 * Turns a failure of the transport into a typed error.
 *
 * @param action What was attempted.
 * @param cause What `fetch` or a socket threw.
 * @param changes Whether the call would have changed something in the engine.
 * @param where The engine's `socket …` or `address …`, where it is known.
 * @returns The error to throw; an {@link OmcpError} is returned unchanged.
 */
export function transportError(action: string, cause: unknown, changes: boolean, where?: string): OmcpError {
  if (cause instanceof OmcpError) return cause;
  const reason = reasonOf(cause);
  const refused = TLS_PROBLEMS.find(([pattern]) => pattern.test(reason));
  if (refused !== undefined) {
    const [, problem, next] = refused;
    return new OmcpError("engine_unreachable", `Cannot ${action}: ${problem}: ${reason}`, {
      state: "No request reached the engine.",
      next,
      cause,
    });
  }
  const unreachable = cause instanceof Deno.errors.NotFound ||
    cause instanceof Deno.errors.ConnectionRefused ||
    cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable ||
    reason.includes("client error (Connect)");
  if (unreachable) {
    return new OmcpError(
      "engine_unreachable",
      `Cannot ${action}: the engine's ${where ?? "socket"} does not respond: ${
        reason.replaceAll(OS_ERROR, "")
      }`,
      {
        state: "No request reached the engine.",
        next: CHECK_ENGINE,
        cause,
      },
    );
  }
  const options: OmcpErrorOptions = {
    state: changes ? "It is unknown whether the engine did it." : "Nothing was changed.",
    next: CHECK_ENGINE,
    cause,
  };
  return new OmcpError(
    "engine_failed",
    `Cannot ${action}: invalid response of the engine: ${reason}`,
    options,
  );
}

/** What TLS says of a connection that it refuses, what that means, and what to do. The first that matches counts. */
const TLS_PROBLEMS: readonly (readonly [pattern: RegExp, problem: string, next: string])[] = [
  [
    /invalid peer certificate: .*not valid for name|NotValidForName/i,
    "the engine's certificate is for another name than DOCKER_HOST has",
    "Use a name of the certificate's subjectAltName in DOCKER_HOST, or issue the engine a certificate with this one.",
  ],
  [
    /invalid peer certificate: .*(?:Expired|NotValidYet)/i,
    "the engine's certificate has expired, or is not valid yet",
    "Issue the engine a new certificate, and check the clocks of both machines.",
  ],
  [
    /invalid peer certificate/i,
    "the engine's certificate was not issued by the authority in ca.pem",
    "Put the certificate of the authority that issued the engine's into ca.pem of DOCKER_CERT_PATH.",
  ],
  [
    /fatal alert/i,
    "the engine does not accept the client's certificate",
    "Put a certificate for client authentication into cert.pem of DOCKER_CERT_PATH that the authority of the engine's --tlscacert has issued, and its key into key.pem.",
  ],
  [
    /InvalidContentType|corrupt message/i,
    "what answers there does not use TLS",
    "Start the engine with --tlsverify, or correct the port in DOCKER_HOST.",
  ],
];

/**
 * The error for a response that is not what the Engine API specifies.
 *
 * @param action What was attempted.
 * @param what What is wrong with the response.
 * @param cause The parser's error, if any.
 * @returns The error to throw.
 */
export function invalidResponse(action: string, what: string, cause?: unknown): OmcpError {
  return new OmcpError(
    "engine_failed",
    `Cannot ${action}: invalid response of the engine: ${sanitizeMessage(what)}`,
    {
      state: "It is unknown whether the engine did it.",
      next: "Check that the socket belongs to a Docker Engine (API 1.41 or newer).",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** The innermost message of an error, without the URL that `fetch` adds. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return sanitizeMessage(String(cause));
  const inner = cause.cause instanceof Error ? cause.cause.message : cause.message;
  return sanitizeMessage(inner.replace(/^error sending request for url \([^)]*\): /, ""));
}
