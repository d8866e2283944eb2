/** What a sandbox's SQL may reach. */
export interface GuardPolicy {
  /** The schema of the CDM, as PostgreSQL stores its name. */
  readonly cdmSchema: string;
  /** Its tables and views that may be read, by their stored names (lower case). */
  readonly relations: ReadonlySet<string>;
  /** Columns of these relations. @default none */
  readonly columns?: ReadonlySet<string>;
  /** The site's own functions that may be called, as `schema.name`. */
  readonly extraFunctions?: readonly string[];
  /** Functions of the site in the CDM's schema with one argument, which `table.name` would call. @default none */
  readonly rowFunctions?: ReadonlySet<string>;
  /** Relations whose plans show what is behind them, such as views: EXPLAIN may not name them. @default none */
  readonly veiled?: ReadonlySet<string>;
  /**
   * Whether snapshots may be exported and imported. Set it only if the broker keeps sandboxes from importing each other's snapshots. @default false
   */
  readonly snapshots?: boolean;
  /** Milliseconds of the session's time limits, by setting: they may only become stricter. @default no bound */
  readonly timeLimits?: ReadonlyMap<string, number>;
}

/** The protocol of a text: `extended` allows one statement only. */
export type QueryProtocol = "simple" | "extended";
