/**
 * Relations of pg_catalog that may be read: what describes tables and types, which drivers, SQLAlchemy and psql need. Most show only some of their
 * rows: {@link CatalogRows}. Nothing that shows other sessions, roles' secrets, settings, files, statistics (they hold patients' values) or
 * large objects.
 */
export const CATALOG_RELATIONS: ReadonlySet<string> = new Set([
  "pg_am",
  "pg_attrdef",
  "pg_attribute",
  "pg_available_extension_versions",
  "pg_available_extensions",
  "pg_class",
  "pg_collation",
  "pg_constraint",
  // those of the session itself
  "pg_cursors",
  "pg_description",
  "pg_enum",
  "pg_extension",
  "pg_index",
  "pg_indexes",
  "pg_inherits",
  "pg_matviews",
  "pg_namespace",
  "pg_opclass",
  "pg_opfamily",
  "pg_operator",
  "pg_partitioned_table",
  "pg_policy",
  "pg_publication",
  "pg_publication_namespace",
  "pg_publication_rel",
  "pg_range",
  "pg_roles",
  "pg_sequence",
  "pg_statistic_ext",
  "pg_tables",
  "pg_tablespace",
  "pg_timezone_abbrevs",
  "pg_timezone_names",
  "pg_trigger",
  "pg_ts_config",
  "pg_type",
  "pg_views",
]);

/** Views of information_schema that may be read: each shows only what the role itself may use, of which {@link CatalogRows} hides a part. */
export const INFORMATION_SCHEMA_RELATIONS: ReadonlySet<string> = new Set([
  "character_sets",
  "check_constraints",
  "columns",
  "constraint_column_usage",
  "constraint_table_usage",
  "information_schema_catalog_name",
  "key_column_usage",
  "referential_constraints",
  "routines",
  "schemata",
  "sql_features",
  "sql_implementation_info",
  "sql_parts",
  "sql_sizing",
  "table_constraints",
  "tables",
  "views",
]);

/** Table sampling methods of PostgreSQL itself. */
export const SAMPLING_METHODS: ReadonlySet<string> = new Set(["bernoulli", "system"]);
