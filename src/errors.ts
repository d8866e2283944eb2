/** The one table of error codes, which is why this file exceeds 300 lines, and the one class of errors that cross modules. */

/** Something that is wrong with an argument. */
export interface ArgumentIssue {
  /** As in `filters[0].op`; empty for the arguments as a whole. */
  readonly path: string;
  /** The rule that it breaks, by zod's name for it. */
  readonly code: string;
  readonly message: string;
}

/** The types that fields of `details` can have, by the name that `docs/errors.md` gives them. All are JSON. */
interface FieldTypes {
  readonly "string": string;
  readonly "string or null": string | null;
  readonly "number": number;
  readonly "boolean": boolean;
  readonly "list of strings": readonly string[];
  readonly "list of {path, code, message}": readonly ArgumentIssue[];
}

/** Every field that an error's `details` can have: facts for a program, never a secret or a patient's datum. */
export const DETAIL_FIELDS = {
  issues: {
    type: "list of {path, code, message}",
    meaning: "What is wrong with the arguments, at most ten.",
  },
  deviations: {
    type: "list of strings",
    meaning: "How the container's confinement differs from the policy.",
  },
  maximum: { type: "number", meaning: "Maximum number of sandboxes at a time." },
  agent_code: { type: "string", meaning: "The error code of the agent in the sandbox." },
  sent: { type: "boolean", meaning: "Whether the agent may have read the request." },
  status: { type: "number", meaning: "HTTP status of the engine's response." },
  image: { type: "string", meaning: "The image's reference." },
  retry_after_seconds: { type: "number", meaning: "Seconds after which to repeat the call." },
  progress: { type: "string", meaning: "The newest line about the work that continues." },
  log: { type: "list of strings", meaning: "The last lines of the program or build that failed." },
  sqlstate: { type: "string or null", meaning: "PostgreSQL's error code; null if the server sent none." },
  role: { type: "string", meaning: "The database role." },
  kinds: { type: "list of strings", meaning: "Which privileges the role must not have." },
  containers: { type: "list of strings", meaning: "The containers that use the local CDM." },
  container: { type: "string", meaning: "The container that holds the instance's lock." },
} as const satisfies Readonly<Record<string, { readonly type: keyof FieldTypes; readonly meaning: string }>>;

/** The name of a field of `details`. */
export type DetailField = keyof typeof DETAIL_FIELDS;

interface CodeEntry {
  readonly retryable: boolean;
  readonly meaning: string;
  readonly state: string;
  /** Fields that `details` may have; none where absent. */
  readonly details: readonly DetailField[];
}

/**
 * Every code that an error of this program can have, with its meaning, whether the same call may succeed if it is repeated, the state that remains
 * unless the error itself says more, and the details that it may have. The codes are stable: agents and operators may build on them.
 * `docs/errors.md` is generated from this table.
 */
export const ERROR_CODES = {
  invalid_argument: {
    retryable: false,
    meaning: "An argument is outside what is allowed.",
    state: "Nothing was done.",
    details: ["issues", "status", "sent", "agent_code"],
  },
  concept_not_found: {
    retryable: false,
    meaning: "The CDM's vocabulary has no such concept.",
    state: "Nothing was done.",
    details: [],
  },
  cohort_not_found: {
    retryable: false,
    meaning: "The server holds no cohort of this name for the caller.",
    state: "Nothing was done.",
    details: [],
  },
  sandbox_not_found: {
    retryable: false,
    meaning: "No such sandbox exists, or another caller owns it.",
    state: "Nothing was done.",
    details: [],
  },
  sandbox_busy: {
    retryable: true,
    meaning: "A call uses the sandbox, or the maximum of its executions runs or waits.",
    state: "What runs continues; nothing else was done.",
    details: ["agent_code"],
  },
  sandbox_lost: {
    retryable: false,
    meaning: "The sandbox's container has ended.",
    state: "Its variables and files are gone.",
    details: [],
  },
  sandbox_unsafe: {
    retryable: false,
    meaning: "A container's confinement deviates from the policy.",
    state: "The container was removed; no code ran in it.",
    details: ["deviations"],
  },
  sandbox_start_failed: {
    retryable: true,
    meaning: "A sandbox could not be started.",
    state: "No sandbox was created; what was started is removed.",
    details: [],
  },
  agent_incompatible: {
    retryable: false,
    meaning: "The agent in a container has another version than the server.",
    state:
      "This server ran no code in the container, which ends when its lease expires, if it has not been removed.",
    details: [],
  },
  capacity: {
    retryable: true,
    meaning: "A maximum is reached, such as that of sandboxes, of waiting calls or of released numbers.",
    state: "Nothing was done; other sandboxes are untouched.",
    details: ["maximum", "agent_code"],
  },
  out_of_memory: {
    retryable: false,
    meaning: "The sandbox ended because its memory limit was reached.",
    state: "Its variables and files are gone.",
    details: [],
  },
  file_not_found: {
    retryable: false,
    meaning: "There is no such file or folder.",
    state: "Nothing was done.",
    details: ["agent_code"],
  },
  file_exists: {
    retryable: false,
    meaning: "There is a file or folder of that name already.",
    state: "Nothing was written; the file or folder is unchanged.",
    details: ["agent_code"],
  },
  file_changed: {
    retryable: true,
    meaning: "A file changed while it was read or written.",
    state: "The message says what was done.",
    details: ["agent_code"],
  },
  path_unsuitable: {
    retryable: false,
    meaning: "A path names something that the call cannot use, such as a folder, a symbolic link or a FIFO.",
    state: "Nothing was done.",
    details: ["agent_code"],
  },
  workspace_full: {
    retryable: false,
    meaning: "There is no room in /workspace, or in the memory of which it is a part.",
    state: "Nothing was written; existing files are unchanged.",
    details: ["agent_code"],
  },
  exchange_full: {
    retryable: false,
    meaning: "There is no room for the file in the exchange folder.",
    state: "Nothing was written.",
    details: [],
  },
  kernel_unavailable: {
    retryable: false,
    meaning: "The image has no usable Python kernel.",
    state: "The cell did not run; files in /workspace remain.",
    details: ["agent_code"],
  },
  outcome_unknown: {
    retryable: false,
    meaning: "It is unknown whether the call ran, or how far.",
    state: "Unknown: check before you repeat the call.",
    details: ["agent_code"],
  },
  execution_not_found: {
    retryable: false,
    meaning: "No such execution exists, it is too old to be kept, or another caller owns it.",
    state: "Nothing was done.",
    details: [],
  },
  execution_lost: {
    retryable: false,
    meaning: "The execution's sandbox has ended.",
    state: "Its output is gone.",
    details: [],
  },
  cancelled: {
    retryable: true,
    meaning: "The caller cancelled.",
    state: "The message says whether the call had started.",
    details: ["sent", "status"],
  },
  timeout: {
    retryable: true,
    meaning: "A deadline passed.",
    state: "The message says what was ended and what remains.",
    details: ["sent", "agent_code", "status", "log"],
  },
  channel_failed: {
    retryable: true,
    meaning: "The stream to a container ended or broke its protocol.",
    state: "The message says whether the request was sent; the container is removed.",
    details: ["sent", "agent_code"],
  },
  engine_unreachable: {
    retryable: true,
    meaning: "The container engine does not respond.",
    state: "Unknown until it responds; the server retries removals.",
    details: ["status", "log"],
  },
  engine_not_found: {
    retryable: false,
    meaning: "The engine has no such object.",
    state: "Nothing was changed.",
    details: ["status", "log"],
  },
  engine_conflict: {
    retryable: true,
    meaning: "The engine's object is in another state.",
    state: "Nothing was changed.",
    details: ["status", "log"],
  },
  engine_refused: {
    retryable: false,
    meaning: "The engine refused the request.",
    state: "Nothing was changed.",
    details: ["status", "log"],
  },
  engine_failed: {
    retryable: true,
    meaning: "The engine failed, or sent an invalid response.",
    state: "Unknown: the engine may have done a part.",
    details: ["status", "log"],
  },
  image_missing: {
    retryable: false,
    meaning: "An image is not in the engine, or cannot be used.",
    state: "Nothing was started.",
    details: ["image", "status", "log"],
  },
  image_building: {
    retryable: true,
    meaning: "The server pulls, loads or builds an image that the engine lacks.",
    state: "Nothing was started; the work on the image goes on.",
    details: ["retry_after_seconds", "progress"],
  },
  package_not_allowed: {
    retryable: false,
    meaning: "A package is not on the operator's list.",
    state: "Nothing was installed; nothing was sent to the package index.",
    details: [],
  },
  package_not_found: {
    retryable: false,
    meaning: "The package index has no such package, or no such version.",
    state: "Nothing was installed.",
    details: ["log"],
  },
  package_no_wheel: {
    retryable: false,
    meaning: "A package has no wheel for the sandbox's Python and platform; it may have only its source.",
    state: "Nothing was installed.",
    details: ["log"],
  },
  package_conflict: {
    retryable: false,
    meaning: "The requirements contradict each other, the operator's constraints or the kernel's needs.",
    state: "Nothing was installed.",
    details: ["log"],
  },
  package_index_unreachable: {
    retryable: true,
    meaning: "The package index does not respond, or refuses.",
    state: "Nothing was installed.",
    details: ["log"],
  },
  package_failed: {
    retryable: true,
    meaning: "Packages could not be resolved, downloaded or unpacked.",
    state: "The message says what was installed.",
    details: ["log", "agent_code"],
  },
  database_unavailable: {
    retryable: true,
    meaning: "The database cannot be reached.",
    state: "Nothing was read; variables are kept.",
    details: ["sqlstate"],
  },
  database_unsafe_role: {
    retryable: false,
    meaning: "The database role has privileges that it must not have.",
    state: "Nothing is served from this database.",
    details: ["role", "kinds"],
  },
  database_refused: {
    retryable: false,
    meaning: "The database refused the statement.",
    state: "Nothing was read; variables are kept.",
    details: ["sqlstate"],
  },
  result_too_large: {
    retryable: false,
    meaning: "A query's result does not fit into the sandbox's memory.",
    state: "No DataFrame was created; variables are kept.",
    details: [],
  },
  disclosure_not_allowed: {
    retryable: false,
    meaning: "The disclosure rules exclude what the call asked for.",
    state: "Nothing was released.",
    details: [],
  },
  cdm_in_use: {
    retryable: true,
    meaning: "Another server has the local CDM open.",
    state: "The CDM is untouched.",
    details: ["containers"],
  },
  cdm_invalid: {
    retryable: false,
    meaning: "The data is not a CDM that this program can use.",
    state: "Nothing was changed.",
    details: [],
  },
  config_invalid: {
    retryable: false,
    meaning: "A setting is missing or wrong.",
    state: "The server did not start.",
    details: ["log"],
  },
  instance_in_use: {
    retryable: true,
    meaning: "Another server with the same OMCP_INSTANCE is running.",
    state: "That server is untouched; this one created nothing.",
    details: ["container"],
  },
  shutting_down: {
    retryable: true,
    meaning: "The server is shutting down.",
    state: "Nothing was started; the server removes its sandboxes.",
    details: [],
  },
  internal: {
    retryable: false,
    meaning: "Internal server error; see the server log.",
    state: "Unknown.",
    details: ["agent_code"],
  },
} as const satisfies Readonly<Record<string, CodeEntry>>;

/** A stable error code. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The `details` that an error with code `C` may have; the fields of other codes are type errors. */
export type DetailsOf<C extends ErrorCode> = {
  readonly [F in DetailField]?: F extends (typeof ERROR_CODES)[C]["details"][number]
    ? FieldTypes[(typeof DETAIL_FIELDS)[F]["type"]]
    : never;
};

/** The `details` of an error whose code is not known yet. */
export type ErrorDetails = DetailsOf<ErrorCode>;

/** What an {@link OmcpError} says besides its code and message. */
export interface OmcpErrorOptions<C extends ErrorCode = ErrorCode> {
  /** What state remains, as a sentence. */
  readonly state?: string;
  /** What to do next, as a sentence. */
  readonly next?: string;
  readonly details?: DetailsOf<C>;
  /** Overrides the code's default. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** What {@link OmcpError.with} changes. */
export interface ErrorChanges extends Omit<OmcpErrorOptions, "cause"> {
  readonly message?: string;
}

/** The one error class that crosses modules: what happened, what state remains, what to do next. */
export class OmcpError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "OmcpError";
  // Not `C`: a type guard by `instanceof` would make it `any`.
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly state: string | undefined;
  readonly next: string | undefined;
  readonly details: ErrorDetails;

  /**
   * @param code The stable code.
   * @param message What happened, as a sentence without its final period.
   * @param options State, next step, details.
   */
  constructor(code: C, message: string, options: OmcpErrorOptions<C> = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
    this.state = options.state;
    this.next = options.next;
    this.details = options.details ?? {};
  }

  /**
   * Adds to an error, or makes it more precise.
   *
   * @param changes What differs; `details` are added to the existing ones.
   * @returns A new error of the same code, with this one as its cause.
   */
  with(changes: ErrorChanges): OmcpError {
    const state = changes.state ?? this.state;
    const next = changes.next ?? this.next;
    return new OmcpError(this.code, changes.message ?? this.message, {
      ...(state === undefined ? {} : { state }),
      ...(next === undefined ? {} : { next }),
      details: { ...this.details, ...changes.details },
      retryable: changes.retryable ?? this.retryable,
      cause: this,
    });
  }
}
