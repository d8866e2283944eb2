import type { Place } from "../guard/text.ts";

/** What becomes of one statement; `src/postgres/guard` makes these. */
export type PlannedStatement =
  | {
    readonly kind: "forward";
    readonly sql: string;
    readonly command: string;
    readonly normalized: string;
    /** The statement as the client wrote it, where `sql` differs. */
    readonly source?: string;
    /** The name that PREPARE or DEALLOCATE gives, or the snapshot that is to be imported. */
    readonly argument?: string;
    /** The prepared statement that it runs: what that does, it does. */
    readonly executes?: string;
    /** Where its parts stand in the client's text. */
    readonly places?: readonly Place[];
    /** Set where it may change settings. */
    readonly changesSettings?: true;
    /** The query that it runs, where its cost is to be estimated before it is sent. */
    readonly estimated?: string;
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

/** Decides what SQL may pass. The broker sends nothing that has not been through one. */
export interface StatementPlanner {
  /** OIDs of the types that a parameter may be declared with. */
  readonly parameterTypes: ReadonlySet<number>;
  /**
   * Plans all statements of one SQL text.
   *
   * @param sql The text of a Query (`simple`) or a Parse (`extended`).
   * @param protocol Which of both.
   * @param owner The sandbox whose text it is: nobody's texts may delay another's for long.
   * @returns A plan a statement, in order; none for an empty text.
   */
  plan(sql: string, protocol: "simple" | "extended", owner?: string): Promise<readonly PlannedStatement[]>;
}
