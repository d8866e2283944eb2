/**
 * Every code an error of this program can have, whether the same call may succeed if repeated, what it means, and what state
 * remains where the error itself says nothing more precise. The codes are stable: agents and operators may build on them.
 * `docs/errors.md` is generated from this table.
 */
export const ERROR_CODES = {
  invalid_argument: {
    retryable: false,
    meaning: "An argument is outside what is allowed.",
    state: "Nothing was done.",
  },
  sandbox_not_found: {
    retryable: false,
    meaning: "No such sandbox exists, or it belongs to another.",
    state: "Nothing was done.",
  },
  sandbox_busy: {
    retryable: true,
    meaning: "A cell is running in the sandbox.",
    state: "The cell goes on; nothing else was done.",
  },
  sandbox_lost: {
    retryable: false,
    meaning: "The sandbox's container has ended.",
    state: "Its variables and files are gone.",
  },
  sandbox_unsafe: {
    retryable: false,
    meaning: "A container was not confined as the policy says.",
    state: "The container was removed; no code ran in it.",
  },
  sandbox_start_failed: {
    retryable: true,
    meaning: "A sandbox could not be started.",
    state: "There is no new sandbox; what was begun is removed.",
  },
  capacity: {
    retryable: true,
    meaning: "The maximum of sandboxes, or of waiting calls, is reached.",
    state: "Nothing was done; the others are untouched.",
  },
  out_of_memory: {
    retryable: false,
    meaning: "The sandbox ended because its memory limit was reached.",
    state: "Its variables and files are gone.",
  },
  kernel_unavailable: {
    retryable: false,
    meaning: "The image has no usable Python kernel.",
    state: "The cell did not run; files in /workspace remain.",
  },
  unknown_outcome: {
    retryable: false,
    meaning: "It is not known whether the call ran.",
    state: "Unknown: look before you repeat it.",
  },
  cancelled: {
    retryable: true,
    meaning: "The caller cancelled.",
    state: "The message says whether the call had begun.",
  },
  timeout: {
    retryable: true,
    meaning: "A deadline passed.",
    state: "The message says what was ended and what remains.",
  },
  channel_failed: {
    retryable: true,
    meaning: "The stream to a container ended or broke its protocol.",
    state: "The message says whether the request was sent; the container is removed.",
  },
  engine_unreachable: {
    retryable: true,
    meaning: "The container engine does not answer.",
    state: "Unknown until it answers; the server tries again where it must.",
  },
  engine_not_found: {
    retryable: false,
    meaning: "The engine has no such object.",
    state: "Nothing was changed.",
  },
  engine_conflict: {
    retryable: true,
    meaning: "The engine's object is in another state.",
    state: "Nothing was changed.",
  },
  engine_refused: {
    retryable: false,
    meaning: "The engine refused the request.",
    state: "Nothing was changed.",
  },
  engine_failed: {
    retryable: true,
    meaning: "The engine failed, or sent an invalid response.",
    state: "Unknown: the engine may have done a part.",
  },
  image_missing: {
    retryable: false,
    meaning: "An image is not in the engine, or cannot be used.",
    state: "Nothing was started.",
  },
  database_unavailable: {
    retryable: true,
    meaning: "The database cannot be reached.",
    state: "Nothing was read; variables are kept.",
  },
  database_unsafe_role: {
    retryable: false,
    meaning: "The database role has privileges that it must not have.",
    state: "Nothing is served from this database.",
  },
  database_refused: {
    retryable: false,
    meaning: "The database refused the statement.",
    state: "Nothing was read; variables are kept.",
  },
  disclosure_not_allowed: {
    retryable: false,
    meaning: "Row-level data may not leave this database.",
    state: "The server did not start.",
  },
  cdm_in_use: {
    retryable: true,
    meaning: "Another server has the local CDM open.",
    state: "The CDM is untouched.",
  },
  cdm_invalid: {
    retryable: false,
    meaning: "The data is not a CDM that this program can use.",
    state: "The message says what was removed or left.",
  },
  config_invalid: {
    retryable: false,
    meaning: "A setting is missing or wrong.",
    state: "The server did not start.",
  },
  instance_in_use: {
    retryable: true,
    meaning: "Another server with the same OMCP_INSTANCE is running.",
    state: "That server is untouched; this one did not start.",
  },
  shutting_down: {
    retryable: true,
    meaning: "The server is ending.",
    state: "Nothing was begun; its sandboxes are being removed.",
  },
  internal: {
    retryable: false,
    meaning: "A defect of this program; the server's log has the cause.",
    state: "Unknown.",
  },
} as const;

/** A stable error code. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an {@link OmcpError} says besides its code and message. */
export interface OmcpErrorOptions {
  /** What state remains, as a sentence. */
  readonly state?: string;
  /** What to do next, as a sentence. */
  readonly next?: string;
  /** Facts for a program, never a secret or a patient's datum. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Overrides the code's default. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The one error class that crosses modules: what happened, what state remains, what to do next. */
export class OmcpError extends Error {
  override readonly name = "OmcpError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly state: string | undefined;
  readonly next: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * @param code The stable code.
   * @param message What happened, as a sentence without its final period.
   * @param options State, next step, details.
   */
  constructor(code: ErrorCode, message: string, options: OmcpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
    this.state = options.state;
    this.next = options.next;
    this.details = options.details ?? {};
  }
}
