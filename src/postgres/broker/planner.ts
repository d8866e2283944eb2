import type { QueryProtocol, StatementPlan } from "../guard/mod.ts";

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
  plan(sql: string, protocol: QueryProtocol, owner?: string): Promise<readonly StatementPlan[]>;
}
