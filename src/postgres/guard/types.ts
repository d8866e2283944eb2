import type { Place } from "./text.ts";

/** What kind of statement is let through: the broker handles some kinds itself. */
export type ForwardCommand =
  | "begin"
  | "close"
  | "commit"
  | "copy_out"
  | "deallocate"
  | "declare"
  | "discard"
  | "execute"
  | "explain"
  | "export_snapshot"
  | "fetch"
  | "import_snapshot"
  | "prepare"
  | "release"
  | "reset"
  | "rollback"
  | "rollback_to"
  | "savepoint"
  | "select"
  | "set"
  | "show"
  | "unlisten";

/** What becomes of one statement. */
export type StatementPlan =
  | {
    readonly kind: "forward";
    /** The text to send; it may differ from what the client wrote. */
    readonly sql: string;
    readonly command: ForwardCommand;
    /** Where its parts stand in the client's text. */
    readonly places: readonly Place[];
    /** Set where it may change settings: what follows must wait until the server has answered. */
    readonly changesSettings?: true;
    /** The query that it runs, where its cost is to be estimated before it is sent. */
    readonly estimated?: string;
    /** The statement without comments and constants, for the audit log. */
    readonly normalized: string;
    /** The statement as the client wrote it, where `sql` differs. */
    readonly source?: string;
    /** The name that PREPARE or DEALLOCATE gives, the snapshot to import, or what DISCARD and RESET name (`ALL`). */
    readonly argument?: string;
    /** The prepared statement that it runs: what that does, it does. */
    readonly executes?: string;
  }
  | {
    readonly kind: "refuse";
    readonly sqlstate: string;
    readonly message: string;
    readonly hint?: string;
    /** 1-based character of the client's text, for a syntax error. */
    readonly position?: number;
    readonly normalized: string | null;
    /** The statement as the client wrote it, where the text could be divided into statements. */
    readonly source?: string;
  };

/** What a sandbox's SQL may reach. */
export interface GuardPolicy {
  /** The schema of the CDM, as PostgreSQL has it stored. */
  readonly cdmSchema: string;
  /** Names of its tables and views that may be read, as PostgreSQL has them stored (lower case). */
  readonly relations: ReadonlySet<string>;
  /** Columns of these relations. @default none */
  readonly columns?: ReadonlySet<string>;
  /** The site's own functions that may be called, as `schema.name`. */
  readonly extraFunctions?: readonly string[];
  /** Names of the site's own functions in the CDM's schema that take one argument: `table.name` would call one. @default none */
  readonly rowFunctions?: ReadonlySet<string>;
  /** Relations whose plans show what is behind them, such as views: EXPLAIN may not name them. @default none */
  readonly veiled?: ReadonlySet<string>;
  /**
   * Whether snapshots may be exported and imported. Only for a broker that lets a sandbox import no other snapshot
   * than those it exported itself. @default false
   */
  readonly snapshots?: boolean;
  /** Milliseconds of the session's time limits, by setting: they may only become stricter. @default no bound */
  readonly timeLimits?: ReadonlyMap<string, number>;
}

/** Which of PostgreSQL's protocols a text came by: `extended` allows one statement only. */
export type QueryProtocol = "simple" | "extended";
