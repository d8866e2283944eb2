/**
 * Every code an error of this program can bear, whether the same call may succeed if repeated, and
 * what it means. The codes are stable: agents and operators may build on them.
 */
export const ERROR_CODES = {
  invalid_argument: { retryable: false, meaning: "An argument is outside what is allowed." },
  sandbox_not_found: { retryable: false, meaning: "No such sandbox, or it is not yours." },
  sandbox_busy: { retryable: true, meaning: "A cell is running in the sandbox." },
  sandbox_lost: { retryable: false, meaning: "The sandbox's container ended; its state is gone." },
  sandbox_unsafe: { retryable: false, meaning: "A container was not confined as the policy says." },
  sandbox_start_failed: { retryable: true, meaning: "A sandbox could not be started." },
  capacity: { retryable: true, meaning: "The maximum of sandboxes, or of waiting calls, is reached." },
  out_of_memory: { retryable: false, meaning: "The sandbox's memory limit was met." },
  kernel_unavailable: { retryable: false, meaning: "The image has no usable Python kernel." },
  unknown_outcome: { retryable: false, meaning: "It is not known whether the call ran." },
  cancelled: { retryable: true, meaning: "The caller cancelled." },
  timeout: { retryable: true, meaning: "A deadline passed." },
  channel_failed: { retryable: true, meaning: "The stream to a container broke its protocol." },
  engine_unreachable: { retryable: true, meaning: "The container engine does not answer." },
  engine_not_found: { retryable: false, meaning: "The engine has no such object." },
  engine_conflict: { retryable: true, meaning: "The engine's object is in another state." },
  engine_refused: { retryable: false, meaning: "The engine refused the request." },
  engine_failed: { retryable: true, meaning: "The engine failed, or answered nonsense." },
  image_missing: { retryable: false, meaning: "An image is not there, or cannot be used." },
  database_unavailable: { retryable: true, meaning: "The database cannot be reached." },
  database_unsafe_role: { retryable: false, meaning: "The database role has rights it must not have." },
  database_refused: { retryable: false, meaning: "The database refused the statement." },
  database_not_configured: { retryable: false, meaning: "No database is configured." },
  disclosure_not_allowed: { retryable: false, meaning: "Row-level data may not leave this database." },
  cdm_in_use: { retryable: true, meaning: "Another server has the local CDM open." },
  cdm_invalid: { retryable: false, meaning: "The data is not a CDM this program can use." },
  config_invalid: { retryable: false, meaning: "A setting is missing or wrong." },
  instance_in_use: { retryable: true, meaning: "Another server with the same OMCP_INSTANCE runs." },
  shutting_down: { retryable: true, meaning: "The server is ending." },
  internal: { retryable: false, meaning: "A defect of this program." },
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

/** The one error class that crosses rooms: what happened, what state remains, what to do next. */
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
