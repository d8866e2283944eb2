import type { RoleCheck } from "./role_check.ts";
import { SITE_CODE_CHECKS } from "./site_code.ts";

/** `reach` holds the current role and all roles it is a member of, by inheritance or by SET ROLE. */
const REACH = `WITH RECURSIVE reach(oid) AS (
  SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
  UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN reach ON m.member = reach.oid
)`;

/** A condition: the schema is not one that PostgreSQL uses for TOAST or temporary tables. */
const NOT_INTERNAL = "n.nspname !~ '^pg_(toast|temp)'";

/** Predefined roles that are harmless for a reader. */
const HARMLESS_ROLES = "('pg_read_all_settings', 'pg_use_reserved_connections')";

/** All checks of the role that runs the sandboxes' statements, worst first. Each query returns one column, the findings. */
export const ROLE_CHECKS: readonly RoleCheck[] = [
  {
    kind: "attributes",
    severity: "unsafe",
    meaning: "The role, or one it is a member of, has attributes beyond LOGIN",
    sql: () =>
      `${REACH} SELECT r.rolname || ': ' || a.name FROM reach JOIN pg_catalog.pg_roles r USING (oid)
      CROSS JOIN LATERAL (VALUES ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole), ('CREATEDB', r.rolcreatedb),
        ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls)) a(name, held) WHERE a.held`,
  },
  {
    kind: "memberships",
    severity: "unsafe",
    meaning: "The role is a member of predefined roles that see or do more than a reader of the CDM",
    sql: () =>
      `${REACH} SELECT r.rolname FROM reach JOIN pg_catalog.pg_roles r USING (oid)
      WHERE r.rolname ~ '^pg_' AND r.rolname NOT IN ${HARMLESS_ROLES}`,
  },
  {
    kind: "write_grants",
    severity: "unsafe",
    meaning: "The role may write to relations",
    sql: () =>
      `${REACH} SELECT DISTINCT c.oid::regclass::text FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace CROSS JOIN reach
      WHERE ${NOT_INTERNAL} AND NOT (n.nspname = 'pg_catalog' AND c.relname = 'pg_settings') AND CASE
        WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(reach.oid, c.oid, 'USAGE, UPDATE')
        WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN
          pg_catalog.has_table_privilege(reach.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
          OR pg_catalog.has_any_column_privilege(reach.oid, c.oid, 'INSERT, UPDATE, REFERENCES')
        ELSE false END`,
  },
  {
    kind: "ownership",
    severity: "unsafe",
    meaning: "The role owns objects",
    sql: () =>
      `${REACH} SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_catalog.pg_shdepend d
      JOIN reach ON d.refobjid = reach.oid WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o'
      AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`,
  },
  {
    kind: "create_on_database",
    severity: "unsafe",
    meaning: "The role may create in the database",
    sql: () =>
      `${REACH} SELECT DISTINCT p.name FROM reach CROSS JOIN (VALUES ('CREATE'), ('TEMPORARY')) p(name)
      WHERE pg_catalog.has_database_privilege(reach.oid, current_database(), p.name)`,
  },
  {
    kind: "create_on_schema",
    severity: "unsafe",
    meaning: "The role may create in schemas",
    sql: () =>
      `${REACH} SELECT DISTINCT n.nspname::text FROM pg_catalog.pg_namespace n CROSS JOIN reach
      WHERE ${NOT_INTERNAL} AND pg_catalog.has_schema_privilege(reach.oid, n.oid, 'CREATE')`,
  },
  {
    kind: "security_definer",
    severity: "unsafe",
    meaning: "The role may execute functions that run with their owner's rights",
    sql: () =>
      `${REACH} SELECT DISTINCT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace CROSS JOIN reach
      WHERE p.prosecdef AND n.nspname <> 'pg_catalog' AND pg_catalog.has_schema_privilege(reach.oid, n.oid, 'USAGE')
      AND pg_catalog.has_function_privilege(reach.oid, p.oid, 'EXECUTE')`,
  },
  {
    kind: "shadows",
    severity: "unsafe",
    about: "database",
    meaning:
      "Functions or operators in the CDM's schema, or casts between built-in types, can take a built-in one's place",
    sql: (schema) =>
      `SELECT 'function ' || p.oid::regprocedure::text FROM pg_catalog.pg_proc p
      WHERE p.pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ${schema})
      AND EXISTS (SELECT FROM pg_catalog.pg_proc b WHERE b.proname = p.proname AND b.pronamespace = 'pg_catalog'::regnamespace)
      UNION ALL SELECT 'operator ' || o.oid::regoperator::text FROM pg_catalog.pg_operator o
      WHERE o.oprnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ${schema})
      AND EXISTS (SELECT FROM pg_catalog.pg_operator b WHERE b.oprname = o.oprname AND b.oprnamespace = 'pg_catalog'::regnamespace)
      UNION ALL SELECT pg_catalog.pg_describe_object('pg_catalog.pg_cast'::regclass, c.oid, 0) FROM pg_catalog.pg_cast c
      JOIN pg_catalog.pg_type s ON s.oid = c.castsource JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
      WHERE c.oid >= 16384 AND s.typnamespace = 'pg_catalog'::regnamespace AND t.typnamespace = 'pg_catalog'::regnamespace`,
  },
  ...SITE_CODE_CHECKS.filter(({ severity }) => severity === "unsafe"),
  {
    kind: "foreign_servers",
    severity: "unsafe",
    meaning: "The role may reach other servers",
    sql: () =>
      `${REACH} SELECT DISTINCT s.srvname::text FROM pg_catalog.pg_foreign_server s CROSS JOIN reach
      WHERE pg_catalog.has_server_privilege(reach.oid, s.oid, 'USAGE')`,
  },
  {
    kind: "parameters",
    severity: "unsafe",
    meaning: "The role may set parameters that only a superuser should set",
    since: 150_000,
    sql: () =>
      `${REACH} SELECT DISTINCT a.parname FROM pg_catalog.pg_parameter_acl a CROSS JOIN reach
      WHERE pg_catalog.has_parameter_privilege(reach.oid, a.parname, 'SET, ALTER SYSTEM') AND a.parname <> 'temp_file_limit'`,
  },
  ...SITE_CODE_CHECKS.filter(({ severity }) => severity === "advice"),
  {
    kind: "dangerous_extensions",
    severity: "advice",
    meaning: "Extensions are installed that reach beyond the database",
    sql: () =>
      `SELECT e.extname::text FROM pg_catalog.pg_extension e WHERE e.extname IN
      ('dblink', 'postgres_fdw', 'file_fdw', 'adminpack', 'plpython3u', 'plperlu', 'pltclu', 'pg_cron', 'pg_net', 'http')`,
  },
  {
    kind: "other_data",
    severity: "advice",
    meaning: "The role may read relations outside the CDM's schema (the guard keeps sandboxes from them)",
    sql: (schema) =>
      `${REACH} SELECT DISTINCT c.oid::regclass::text FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace CROSS JOIN reach
      WHERE ${NOT_INTERNAL} AND n.nspname NOT IN ('pg_catalog', 'information_schema', ${schema}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND pg_catalog.has_schema_privilege(reach.oid, n.oid, 'USAGE') AND pg_catalog.has_table_privilege(reach.oid, c.oid, 'SELECT')`,
  },
];
