/** How bad a finding is: `unsafe` keeps the server from serving, `advice` is logged. */
export type Severity = "unsafe" | "advice";

/** A check of the role or the database. */
export interface RoleCheck {
  /** A stable name. */
  readonly kind: string;
  /** How bad each finding is. */
  readonly severity: Severity;
  /** Whether the role is at fault, or what the database holds. @default "role" */
  readonly about?: "database";
  /** What a finding means; the list of findings follows it. */
  readonly meaning: string;
  /** The first server version (`server_version_num`) that can be asked. @default {0} */
  readonly since?: number;
  /** SQL with one text column; each row is a finding. @param schema The CDM's schema as a literal. */
  readonly sql: (schema: string) => string;
}
