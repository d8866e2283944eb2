import type { PlannedStatement, StatementPlanner } from "../../src/postgres/broker/mod.ts";

/**
 * Stands in for the guard where the broker alone is looked at: lets everything pass but what begins with DELETE, DROP or
 * INSERT, splits at semicolons, and takes its time like the real one, which works in another thread.
 */
export const permissivePlanner: StatementPlanner = {
  parameterTypes: new Set([0, 23, 25]),

  async plan(sql: string): Promise<readonly PlannedStatement[]> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return sql.split(";").map((text) => text.trim()).filter((text) => text !== "").map(planOne);
  },
};

function planOne(sql: string): PlannedStatement {
  const normalized = sql.replace(/\d+/g, "$1");
  if (/^(delete|drop|insert)/i.test(sql)) {
    return {
      kind: "refuse",
      sqlstate: "42501",
      message: "that changes data",
      hint: "Read instead.",
      normalized,
    };
  }
  const command = (sql.split(/\s/)[0] ?? "").toLowerCase();
  const plan = { kind: "forward", sql, command, normalized } as const;
  return command === "set" ? { ...plan, changesSettings: true } : plan;
}
