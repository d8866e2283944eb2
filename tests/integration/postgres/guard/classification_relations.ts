/** The relations, settings, types and statements of PostgreSQL 17, and what the guard does with each: see `classification.ts`. */
import type { Group } from "./classification.ts";

/** Relations of pg_catalog and information_schema, the latter with its schema. */
export const RELATION_GROUPS: readonly Group[] = [
  {
    decision: "allowed",
    reason: "describes relations, of which the guard shows the sandbox's own",
    names: "pg_attrdef pg_attribute pg_class pg_constraint pg_description pg_enum pg_index pg_indexes " +
      "pg_inherits pg_matviews pg_namespace pg_partitioned_table pg_sequence pg_statistic_ext pg_tables " +
      "pg_trigger pg_type pg_views " +
      "information_schema\\.(?:check_constraints|columns|constraint_\\w+_usage|key_column_usage|referential_constraints|routines|schemata|table_constraints|tables|views)",
  },
  {
    decision: "allowed",
    reason: "describes what PostgreSQL itself brings, and no site's",
    names: "pg_am pg_collation pg_opclass pg_operator pg_opfamily pg_range pg_tablespace pg_timezone_\\w+ " +
      "pg_ts_config information_schema\\.(?:sql_\\w+|character_sets|information_schema_catalog_name)",
  },
  {
    decision: "allowed",
    reason: "asked by psql, and shown without rows of others",
    names: "pg_policy pg_publication pg_publication_namespace pg_publication_rel pg_roles",
  },
  {
    decision: "allowed",
    reason: "names of extensions",
    names: "pg_available_extension\\w* pg_extension",
  },
  {
    decision: "allowed",
    reason: "shows the session itself",
    names: "pg_cursors",
  },
  {
    decision: "refused",
    reason: "shows roles, secrets and rights",
    names: "pg_auth\\w+ pg_shadow pg_user pg_group pg_user_mappings? pg_default_acl pg_init_privs " +
      "pg_parameter_acl pg_db_role_setting pg_hba_file_rules pg_ident_file_mappings pg_seclabels? " +
      "pg_shseclabel " +
      "information_schema\\.(?:\\w+_(?:privileges|grants|authorizations|roles)|enabled_roles|_?\\w*user_mapping\\w*)",
  },
  {
    decision: "refused",
    reason: "shows statistics: values of patients, and others' work",
    names: "pg_stat\\w*(?<!pg_statistic_ext)",
  },
  {
    decision: "refused",
    reason: "shows other sessions, databases or the server as a whole",
    names: "pg_backend_memory_contexts pg_config pg_database pg_file_settings pg_locks pg_prepared_\\w+ " +
      "pg_replication_\\w+ pg_settings pg_shmem_allocations pg_subscription\\w* pg_wait_events " +
      "pg_publication_tables",
  },
  {
    decision: "refused",
    reason: "shows source text, comments and dependencies of everything",
    names: "pg_aggregate pg_cast pg_conversion pg_depend pg_event_trigger pg_language pg_policies pg_proc " +
      "pg_rewrite pg_rules pg_sequences pg_shdepend pg_shdescription pg_transform pg_ts_(?!config$)\\w+ " +
      "pg_amop pg_amproc",
  },
  {
    decision: "refused",
    reason: "shows large objects",
    names: "pg_largeobject\\w*",
  },
  {
    decision: "refused",
    reason: "shows other servers",
    names: "pg_foreign_\\w+ information_schema\\._?\\w*foreign_\\w+(?<!mappings)",
  },
  {
    decision: "refused",
    reason: "of information_schema, and asked by nobody so far",
    names:
      "information_schema\\.(?:attributes|check_constraint_routine_usage|collation\\w*|column_(?:column_usage|domain_usage|options|udt_usage)|domain\\w*|element_types|parameters|routine_\\w+_usage|sequences|transforms|trigger\\w*|user_defined_types|view_\\w+_usage)",
  },
];

/** Settings: `changeable` may be set and read, `kept` set to what they are, `readable` read, `hidden` neither. */
export const SETTING_GROUPS: readonly (Omit<Group, "decision"> & {
  readonly decision: "changeable" | "kept" | "readable" | "hidden";
})[] = [
  {
    decision: "changeable",
    reason: "how values are written and read",
    names: "DateStyle IntervalStyle TimeZone application_name bytea_output client_min_messages " +
      "escape_string_warning extra_float_digits lc_(?:monetary|numeric|time) xmlbinary " +
      "check_function_bodies",
  },
  {
    decision: "changeable",
    reason: "how plans are searched, within bounds",
    names:
      "enable_\\w+ (?:cpu|parallel|random|seq)_\\w+_cost jit_\\w*above_cost geqo_\\w+ \\w+_collapse_limit " +
      "constraint_exclusion cursor_tuple_fraction default_statistics_target effective_\\w+ jit " +
      "max_parallel_workers_per_gather min_parallel_\\w+_scan_size parallel_leader_participation " +
      "plan_cache_mode recursive_worktable_factor",
  },
  {
    decision: "changeable",
    reason: "limits, which may become stricter, and how a transaction runs",
    names: "(?:idle_in_transaction_session|idle_session|lock|statement|transaction)_timeout " +
      "(?:default_)?transaction_(?:deferrable|isolation) synchronous_commit",
  },
  {
    decision: "kept",
    reason: "decides how SQL is read, or what the session may do",
    names:
      "array_nulls backslash_quote client_encoding (?:default_)?transaction_read_only geqo row_security " +
      "search_path session_replication_role standard_conforming_strings transform_null_equals xmloption",
  },
  {
    decision: "readable",
    reason: "shows a client how the server works",
    names: "autovacuum block_size data_checksums deadlock_timeout debug_assertions " +
      "default_table_access_method default_text_search_config default_toast_compression exit_on_error " +
      "gin_fuzzy_search_limit hash_mem_multiplier in_hot_standby integer_datetimes lc_messages " +
      "maintenance_work_mem " +
      "max_(?:connections|function_args|identifier_length|index_keys|locks_per_transaction|parallel_workers|prepared_transactions|stack_depth|worker_processes) " +
      "quote_all_identifiers segment_size server_\\w+ shared_buffers superuser_reserved_connections " +
      "temp_buffers temp_file_limit timezone_abbreviations wal_block_size work_mem",
  },
  {
    decision: "hidden",
    reason: "files, programs, addresses and secrets of the server",
    names: "archive_\\w+ (?:config|data|hba|ident|external_pid)_(?!checksums$)\\w+ output_plugin_libraries " +
      "\\w+_preload_libraries (?:dynamic_library|unix_socket|krb|gss)_\\w+ bonjour\\w* cluster_name " +
      "listen_addresses port ssl\\w* primary_\\w+ recovery_\\w+ restore_command synchron\\w+_standby_\\w+ " +
      "scram_iterations password_encryption extension_destdir event_source jit_provider " +
      "default_tablespace temp_tablespaces",
  },
  {
    decision: "hidden",
    reason: "logs, traces and statistics",
    names: "log_\\w+ logging_collector syslog_\\w+ trace_\\w+ track_\\w+ debug_(?!assertions$)\\w+ " +
      "compute_query_id backtrace_functions update_process_title composite_type_mismatch stats_fetch_consistency " +
      "jit_(?:debugging|dump|profiling)\\w+",
  },
  {
    decision: "hidden",
    reason: "writing, vacuum, replication and recovery",
    names: "autovacuum_\\w+ vacuum_\\w+ bgwriter_\\w+ checkpoint_\\w+ commit_\\w+ wal_(?!block_size$)\\w+ " +
      "full_page_writes fsync hot_standby\\w* " +
      "max_(?:\\w*replication\\w*|slot_wal_keep_size|standby\\w+|sync_workers\\w+|wal_\\w+|parallel_(?:apply|maintenance)\\w+) " +
      "min_wal_size sync_replication_slots summarize_wal logical_decoding_work_mem " +
      "gin_pending_list_limit zero_damaged_pages ignore_\\w+ backend_flush_after file_extend_method",
  },
  {
    decision: "hidden",
    reason: "what administers the server, or could do harm",
    names:
      "allow_\\w+ authentication_timeout createrole_self_grant dynamic_shared_memory_type event_triggers " +
      "\\w*huge_page\\w* icu_validation_level io_combine_limit lo_compat_privileges " +
      "maintenance_io_concurrency max_(?:files_per_process|notify_queue_pages|pred_locks\\w+) " +
      "min_dynamic_shared_memory " +
      "(?:multixact|notify|serializable|subtransaction|transaction)_(?:\\w+_)?buffers post_auth_delay " +
      "pre_auth_delay remove_temp_files_after_crash reserved_connections restart_after_crash " +
      "restrict_nonsystem_relation_kind send_abort_\\w+ shared_memory_(?!size_in)\\w+ " +
      "synchronize_seqscans tcp_\\w+ client_connection_check_interval " +
      "jit_(?:expressions|tuple_deforming)",
  },
];

/** Types of pg_catalog that are neither arrays nor rows: what a value may be cast to. */
export const TYPE_GROUPS: readonly Group[] = [
  {
    decision: "allowed",
    reason: "holds plain values",
    names: "bit bool box bpchar bytea char cidr circle date (?:date|int4|int8|num|ts|tstz)(?:multi)?range " +
      "float[48] inet int[248] interval json jsonb jsonpath line lseg macaddr8? money name numeric path " +
      "point polygon text time timestamp timestamptz timetz tsquery tsvector unknown uuid varbit " +
      "varchar",
  },
  {
    decision: "allowed",
    reason: "names or numbers what drivers describe",
    names: "cid oid tid xid regclass regcollation regconfig regnamespace regtype int2vector oidvector",
  },
  {
    decision: "refused",
    reason: "names roles, functions and operators, or rights",
    names: "aclitem regrole regproc\\w* regoper\\w* regdictionary",
  },
  {
    decision: "refused",
    reason: "has no values outside the server",
    names: "any\\w* cstring \\w+_handler internal event_trigger trigger void _?record refcursor " +
      "pg_(?:brin|ddl|dependencies|mcv|ndistinct|node)\\w* gtsvector",
  },
  {
    decision: "refused",
    reason: "is about transactions and the log of writes",
    names: "pg_lsn pg_snapshot txid_snapshot xid8",
  },
  {
    decision: "refused",
    reason: "reads XML, by a library that cannot be cancelled",
    names: "xml",
  },
];

/** Statements, by the names that psql's \\h lists: examples that pass, and of forms that do not. */
export const STATEMENTS: Readonly<
  Record<string, { readonly allowed: readonly string[]; readonly refused: readonly string[] }>
> = {
  ABORT: { allowed: ["ABORT"], refused: [] },
  ANALYZE: { allowed: [], refused: ["ANALYZE person"] },
  BEGIN: {
    allowed: ["BEGIN", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE"],
    refused: ["BEGIN READ WRITE"],
  },
  CALL: { allowed: [], refused: ["CALL f()"] },
  CHECKPOINT: { allowed: [], refused: ["CHECKPOINT"] },
  CLOSE: { allowed: ["CLOSE c", "CLOSE ALL"], refused: [] },
  CLUSTER: { allowed: [], refused: ["CLUSTER person USING i"] },
  COMMENT: { allowed: [], refused: ["COMMENT ON TABLE person IS 'x'"] },
  COMMIT: { allowed: ["COMMIT", "COMMIT AND CHAIN"], refused: [] },
  "COMMIT PREPARED": { allowed: [], refused: ["COMMIT PREPARED 'x'"] },
  COPY: {
    allowed: ["COPY (SELECT 1) TO STDOUT", "COPY person TO STDOUT"],
    refused: ["COPY person FROM STDIN", "COPY person TO '/tmp/x'", "COPY person TO PROGRAM 'x'"],
  },
  DEALLOCATE: { allowed: ["DEALLOCATE q", "DEALLOCATE ALL"], refused: [] },
  DECLARE: {
    allowed: ["DECLARE c CURSOR FOR SELECT 1"],
    refused: ["DECLARE c CURSOR WITH HOLD FOR SELECT 1"],
  },
  DELETE: { allowed: [], refused: ["DELETE FROM person"] },
  DISCARD: { allowed: ["DISCARD ALL", "DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP"], refused: [] },
  DO: { allowed: [], refused: ["DO 'x'"] },
  END: { allowed: ["END"], refused: [] },
  EXECUTE: { allowed: ["EXECUTE q(1)"], refused: ["EXECUTE q(lo_create(0))"] },
  EXPLAIN: {
    allowed: ["EXPLAIN SELECT 1", "EXPLAIN ANALYZE EXECUTE q"],
    refused: ["EXPLAIN DELETE FROM person", "EXPLAIN (SETTINGS) SELECT 1"],
  },
  FETCH: { allowed: ["FETCH ALL FROM c"], refused: [] },
  GRANT: { allowed: [], refused: ["GRANT SELECT ON person TO x"] },
  "IMPORT FOREIGN SCHEMA": { allowed: [], refused: ["IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c"] },
  INSERT: { allowed: [], refused: ["INSERT INTO person VALUES (1)"] },
  LISTEN: { allowed: [], refused: ["LISTEN x"] },
  LOAD: { allowed: [], refused: ["LOAD 'x'"] },
  LOCK: { allowed: [], refused: ["LOCK person"] },
  MERGE: { allowed: [], refused: ["MERGE INTO person p USING person q ON true WHEN MATCHED THEN DELETE"] },
  MOVE: { allowed: ["MOVE 1 IN c"], refused: [] },
  NOTIFY: { allowed: [], refused: ["NOTIFY x"] },
  PREPARE: { allowed: ["PREPARE q (int) AS SELECT $1"], refused: ["PREPARE q AS DELETE FROM person"] },
  "PREPARE TRANSACTION": { allowed: [], refused: ["PREPARE TRANSACTION 'x'"] },
  "REASSIGN OWNED": { allowed: [], refused: ["REASSIGN OWNED BY a TO b"] },
  "REFRESH MATERIALIZED VIEW": { allowed: [], refused: ["REFRESH MATERIALIZED VIEW x"] },
  REINDEX: { allowed: [], refused: ["REINDEX TABLE person"] },
  "RELEASE SAVEPOINT": { allowed: ["RELEASE SAVEPOINT a"], refused: [] },
  RESET: { allowed: ["RESET ALL", "RESET timezone"], refused: ["RESET log_statement"] },
  REVOKE: { allowed: [], refused: ["REVOKE SELECT ON person FROM x"] },
  ROLLBACK: { allowed: ["ROLLBACK"], refused: [] },
  "ROLLBACK PREPARED": { allowed: [], refused: ["ROLLBACK PREPARED 'x'"] },
  "ROLLBACK TO SAVEPOINT": { allowed: ["ROLLBACK TO SAVEPOINT a"], refused: [] },
  SAVEPOINT: { allowed: ["SAVEPOINT a"], refused: [] },
  "SECURITY LABEL": { allowed: [], refused: ["SECURITY LABEL ON TABLE person IS 'x'"] },
  SELECT: {
    allowed: ["SELECT * FROM person"],
    refused: ["SELECT * FROM person FOR UPDATE", "SELECT * FROM pg_authid"],
  },
  "SELECT INTO": { allowed: [], refused: ["SELECT 1 INTO x"] },
  SET: {
    allowed: ["SET timezone = 'UTC'", "SET LOCAL enable_sort = off"],
    refused: ["SET log_statement = 'none'"],
  },
  "SET CONSTRAINTS": { allowed: [], refused: ["SET CONSTRAINTS ALL DEFERRED"] },
  "SET ROLE": { allowed: ["SET ROLE NONE"], refused: ["SET ROLE x"] },
  "SET SESSION AUTHORIZATION": {
    allowed: ["SET SESSION AUTHORIZATION DEFAULT"],
    refused: ["SET SESSION AUTHORIZATION x"],
  },
  "SET TRANSACTION": { allowed: ["SET TRANSACTION READ ONLY"], refused: ["SET TRANSACTION READ WRITE"] },
  SHOW: { allowed: ["SHOW timezone"], refused: ["SHOW data_directory", "SHOW ALL"] },
  "START TRANSACTION": { allowed: ["START TRANSACTION"], refused: ["START TRANSACTION READ WRITE"] },
  TRUNCATE: { allowed: [], refused: ["TRUNCATE person"] },
  UNLISTEN: { allowed: ["UNLISTEN *"], refused: [] },
  UPDATE: { allowed: [], refused: ["UPDATE person SET person_id = 1"] },
  VACUUM: { allowed: [], refused: ["VACUUM"] },
  VALUES: { allowed: ["VALUES (1)"], refused: ["VALUES (lo_create(0))"] },
  WITH: {
    allowed: ["WITH x AS (SELECT 1) TABLE x"],
    refused: ["WITH x AS (DELETE FROM person RETURNING 1) TABLE x"],
  },
};

/** All that change the catalogs. They are refused whatever they name. */
export const CATALOG_STATEMENTS = /^(?:ALTER|CREATE|DROP) /;
