import { parseStatements } from "./parser.ts";
import { shapeOf } from "./tree_shape.ts";
import type { Decision } from "./statement_rules.ts";
import type { GuardPolicy } from "./types.ts";

interface DriverStatement {
  /** What the driver writes. */
  readonly sql: string;
  /** What is sent, in names that nothing can shadow. */
  readonly send: string;
  readonly command: "select" | "export_snapshot";
}

/**
 * Statements that drivers send and that are harmless only as a whole. DuckDB counts settings that only Amazon's
 * servers have, and exports a snapshot while it looks for a standby; ADBC asks for all databases, and gets its own.
 */
const DRIVERS: readonly DriverStatement[] = [
  {
    sql: "SELECT version(), (SELECT COUNT(*) FROM pg_settings WHERE name LIKE 'rds%')",
    send: "SELECT pg_catalog.version(), " +
      "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_settings WHERE name LIKE 'rds%')",
    command: "select",
  },
  {
    sql: "SELECT pg_is_in_recovery(), pg_export_snapshot(), (SELECT count(*) FROM pg_stat_wal_receiver)",
    send: "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_export_snapshot(), " +
      "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_wal_receiver)",
    command: "export_snapshot",
  },
  {
    sql: "SELECT datname FROM pg_catalog.pg_database",
    send: "SELECT pg_catalog.current_database() AS datname",
    command: "select",
  },
];

/** The allow-list of these statements, by their parse trees. */
export class DriverStatements {
  readonly #byTree = new Map<string, DriverStatement>();

  /** Parses them, so the grammar must be loaded. */
  constructor() {
    for (const known of DRIVERS) {
      for (const { tree } of parseStatements(known.sql)) this.#byTree.set(shapeOf(tree), known);
    }
  }

  /** What is sent for them. */
  get sent(): ReadonlySet<string> {
    return new Set(DRIVERS.map(({ send }) => send));
  }

  /**
   * Finds a statement among them.
   *
   * @param tree A statement's parse tree.
   * @param policy What may be reached.
   * @returns What to send, or undefined for any other statement.
   */
  find(tree: Readonly<Record<string, unknown>>, policy: GuardPolicy): Decision | undefined {
    const known = this.#byTree.get(shapeOf(tree));
    if (known === undefined) return undefined;
    if (known.command === "export_snapshot" && policy.snapshots !== true) return undefined;
    return { command: known.command, sql: known.send };
  }
}
