import type { QueryProtocol, StatementPlan } from "../guard/mod.ts";

/** Decides what SQL may pass. The broker sends only what a planner has let pass. */
export interface StatementPlanner {
  /** OIDs of the types that a parameter may be declared with. */
  readonly parameterTypes: ReadonlySet<number>;
  /**
   * Plans all statements of one SQL text.
   *
   * @param sql The text of a Query (`simple`) or a Parse (`extended`).
   * @param protocol The protocol of the text.
   * @param owner The sandbox that sent the text: its texts must not delay another sandbox's for long.
   * @returns A plan for each statement, in order; an empty list for an empty text.
   */
  plan(sql: string, protocol: QueryProtocol, owner?: string): Promise<readonly StatementPlan[]>;
}
