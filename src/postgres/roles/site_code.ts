/**
 * Site code that plain SQL runs although it names only PostgreSQL's own functions, operators and types: through an operator class,
 * a cast, a domain or a view. The guard sees names and not types, so it cannot refuse such SQL; the database must not have such
 * code. Extensions are the site's choice, so they are left out.
 */
import type { RoleCheck } from "./role_check.ts";

/** The first OID of what is not PostgreSQL's own. */
const FIRST_OWN = "16384";

function ofAnExtension(catalog: string, oid: string): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;
}

/** A function that somebody wrote for this database. @param alias Of pg_proc. */
function isOwn(alias: string): string {
  return `${alias}.oid >= ${FIRST_OWN} AND NOT ${ofAnExtension("pg_proc", `${alias}.oid`)}`;
}

/** The functions that an expression or query calls, by its own name or as an operator. @param tree Text of a pg_node_tree. */
function called(tree: string): string {
  return `(SELECT m[1]::oid AS oid FROM pg_catalog.regexp_matches(${tree}, ':(?:funcid|opfuncid|aggfnoid|winfnoid|winaggno) ([0-9]+)', 'g') m
    UNION SELECT o.oprcode FROM pg_catalog.regexp_matches(${tree}, ':opno ([0-9]+)', 'g') m JOIN pg_catalog.pg_operator o ON o.oid = m[1]::oid)`;
}

/** The CDM's relations, and the types that their values are of or are made of. @param schema As a literal. */
function reachable(schema: string): string {
  return `RECURSIVE cdm AS (SELECT c.oid, c.reltype FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${schema} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')),
    types(oid) AS (SELECT a.atttypid FROM pg_catalog.pg_attribute a JOIN cdm ON cdm.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
      UNION SELECT reltype FROM cdm
      UNION SELECT part.oid FROM types JOIN pg_catalog.pg_type t ON t.oid = types.oid CROSS JOIN LATERAL (
        SELECT t.typbasetype UNION ALL SELECT t.typelem
        UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid = r.rngtypid
        UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE t.oid = (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      ) part(oid) WHERE part.oid <> 0)`;
}

/** Functions of operator families: how values are compared and hashed, and what their operators call. */
const FAMILY_FUNCTIONS = `(SELECT x.amprocfamily AS family, x.amproc::oid AS oid FROM pg_catalog.pg_amproc x
  UNION SELECT x.amopfamily, o.oprcode FROM pg_catalog.pg_amop x JOIN pg_catalog.pg_operator o ON o.oid = x.amopopr)`;

/** The checks for it, worst first. */
export const SITE_CODE_CHECKS: readonly RoleCheck[] = [
  {
    kind: "operator_classes",
    severity: "unsafe",
    about: "database",
    meaning: "Operator classes call functions of the site's own for DISTINCT, GROUP BY, ORDER BY and joins",
    sql: () =>
      `SELECT DISTINCT pg_catalog.pg_describe_object('pg_catalog.pg_opfamily'::regclass, f.oid, 0) || ': ' || p.oid::regprocedure
      FROM ${FAMILY_FUNCTIONS} u JOIN pg_catalog.pg_opfamily f ON f.oid = u.family JOIN pg_catalog.pg_am a ON a.oid = f.opfmethod
      JOIN pg_catalog.pg_proc p ON p.oid = u.oid WHERE a.amname IN ('btree', 'hash') AND ${isOwn("p")}`,
  },
  {
    kind: "casts",
    severity: "unsafe",
    about: "database",
    meaning: "Casts of the site's own change rows or values of the CDM",
    sql: (schema) =>
      `WITH ${reachable(schema)}, near AS (SELECT oid FROM types
        UNION SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typnamespace = 'pg_catalog'::regnamespace)
      SELECT pg_catalog.pg_describe_object('pg_catalog.pg_cast'::regclass, c.oid, 0) FROM pg_catalog.pg_cast c
      JOIN near s ON s.oid = c.castsource JOIN near t ON t.oid = c.casttarget
      WHERE c.oid >= ${FIRST_OWN} AND c.castfunc <> 0 AND NOT ${ofAnExtension("pg_cast", "c.oid")}`,
  },
  {
    kind: "column_types",
    severity: "unsafe",
    about: "database",
    meaning:
      "Columns of the CDM are of types that run functions of the site's own, or volatile ones, on values that a query makes up",
    sql: (schema) =>
      `WITH ${reachable(schema)}, calls AS (
        SELECT t.oid, f.oid AS function FROM types JOIN pg_catalog.pg_type t USING (oid) JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid
          CROSS JOIN LATERAL ${called("k.conbin::text")} f
        UNION ALL SELECT t.oid, f.oid FROM types JOIN pg_catalog.pg_type t USING (oid) JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
          JOIN pg_catalog.pg_opclass c ON c.oid = r.rngsubopc CROSS JOIN LATERAL (SELECT r.rngcanonical::oid UNION ALL SELECT r.rngsubdiff::oid
          UNION ALL SELECT u.oid FROM ${FAMILY_FUNCTIONS} u WHERE u.family = c.opcfamily) f(oid)
        UNION ALL SELECT t.oid, f.oid FROM types JOIN pg_catalog.pg_type t USING (oid) CROSS JOIN LATERAL (VALUES (t.typinput::oid),
          (t.typoutput::oid), (t.typreceive::oid), (t.typsend::oid), (t.typmodin::oid), (t.typmodout::oid)) f(oid))
      SELECT DISTINCT pg_catalog.format_type(calls.oid, NULL) || ': ' || p.oid::regprocedure FROM calls JOIN pg_catalog.pg_proc p ON p.oid = calls.function
      WHERE ${isOwn("p")} OR (p.oid < ${FIRST_OWN} AND p.provolatile = 'v')`,
  },
  {
    kind: "catalog_objects",
    severity: "unsafe",
    about: "database",
    meaning: "Functions or operators in schema pg_catalog, by the names of PostgreSQL's own, are the site's",
    sql: () =>
      `SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.oid >= ${FIRST_OWN}
      AND EXISTS (SELECT FROM pg_catalog.pg_proc b WHERE b.proname = p.proname AND b.pronamespace = p.pronamespace AND b.oid < ${FIRST_OWN})
      UNION ALL SELECT o.oid::regoperator::text FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
      WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oid >= ${FIRST_OWN} AND ${isOwn("p")}
      AND EXISTS (SELECT FROM pg_catalog.pg_operator b WHERE b.oprname = o.oprname AND b.oprnamespace = o.oprnamespace AND b.oid < ${FIRST_OWN})`,
  },
  {
    kind: "code_on_read",
    severity: "advice",
    about: "database",
    meaning:
      "Reading the CDM runs functions of the site's own, with the rights of the role (the transaction is READ ONLY)",
    sql: (schema) =>
      `WITH RECURSIVE read(oid) AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = ${schema} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        UNION SELECT m[1]::oid FROM read JOIN pg_catalog.pg_class c ON c.oid = read.oid AND c.relkind = 'v'
          JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1'
          CROSS JOIN LATERAL pg_catalog.regexp_matches(r.ev_action::text, ':relid ([0-9]+)', 'g') m),
      trees AS (SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, r.ev_class, 0) AS what, r.ev_action::text AS tree
          FROM read JOIN pg_catalog.pg_class c ON c.oid = read.oid AND c.relkind = 'v' JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid
        UNION ALL SELECT pg_catalog.pg_describe_object('pg_catalog.pg_policy'::regclass, p.oid, 0), p.polqual::text
          FROM read JOIN pg_catalog.pg_policy p ON p.polrelid = read.oid WHERE p.polqual IS NOT NULL
        UNION ALL SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, i.indexrelid, 0),
          pg_catalog.concat(i.indexprs::text, i.indpred::text) FROM read JOIN pg_catalog.pg_index i ON i.indrelid = read.oid
        UNION ALL SELECT pg_catalog.pg_describe_object('pg_catalog.pg_attrdef'::regclass, d.oid, 0), d.adbin::text
          FROM read JOIN pg_catalog.pg_attrdef d ON d.adrelid = read.oid
          JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = 'v'),
      calls AS (SELECT trees.what, f.oid FROM trees CROSS JOIN LATERAL ${called("trees.tree")} f
        UNION ALL SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, i.indexrelid, 0), u.oid FROM read
          JOIN pg_catalog.pg_index i ON i.indrelid = read.oid CROSS JOIN LATERAL unnest(i.indclass) k(oid)
          JOIN pg_catalog.pg_opclass c ON c.oid = k.oid JOIN ${FAMILY_FUNCTIONS} u ON u.family = c.opcfamily
        UNION ALL SELECT 'event trigger ' || t.evtname, t.evtfoid FROM pg_catalog.pg_event_trigger t WHERE t.evtevent = 'login' AND t.evtenabled <> 'D')
      SELECT DISTINCT calls.what || ': ' || p.oid::regprocedure FROM calls JOIN pg_catalog.pg_proc p ON p.oid = calls.oid WHERE ${
        isOwn("p")
      }
      UNION ALL SELECT 'foreign table ' || read.oid::regclass FROM read JOIN pg_catalog.pg_class c ON c.oid = read.oid WHERE c.relkind = 'f'`,
  },
];
