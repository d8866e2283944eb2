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
