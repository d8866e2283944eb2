"""Texts of attacks on the guard: expressions in place of constants, types, settings in every form, catalogs."""

from __future__ import annotations

from typing import Optional

CAST: list[tuple[str, list[Optional[bytes]]]] = [
    # settings
    ("SELECT set_config($1, $2, false)", [b"work_mem", b"1GB"]),
    ("SELECT set_config($1::text, $2::text, $3::boolean)", [b"statement_timeout", b"0", b"f"]),
    ("SELECT set_config(n, '0', false) FROM (VALUES ('statement_timeout')) AS v(n)", []),
    ("SELECT set_config(min(n), '0', false) FROM unnest('{statement_timeout}'::text[]) AS n", []),
    ("SELECT (SELECT set_config(n, v, l) FROM json_to_record('{\"n\": \"work_mem\", \"v\": \"1GB\", \"l\": false}') AS r(n text, v text, l boolean))", []),
    ("SELECT set_config(new_value => '1GB', setting_name => 'work_mem', is_local => false)", []),
    ("SELECT set_config('work_mem', (pg_catalog.version()), false)", []),
    ("SELECT set_config(U&'work\\005fmem', '1GB', false)", []),
    ("SELECT set_config(E'work\\x5fmem', '1GB', false)", []),
    ("SELECT set_config('work' '\n' '_mem', '1GB', false)", []),
    ("SELECT set_config(name 'work_mem', '1GB', false)", []),
    ("SELECT set_config(('work_mem', '1GB', false))", []),
    ("SELECT current_setting($1)", [b"data_directory"]),
    ("SELECT current_setting(concat('data', '_directory'), true)", []),
    ("SELECT current_setting(missing_ok => true, setting_name => 'data_directory')", []),
    # relations
    ("SELECT query_to_xml($1, true, true, '')", [b"SELECT x FROM public.hidden"]),
    ("SELECT cursor_to_xml('c', 1, true, true, '')", []),
    ("SELECT ts_stat($1)", [b"SELECT to_tsvector(x) FROM public.hidden"]),
    ("SELECT ts_rewrite('a'::tsquery, $1)", [b"SELECT x::tsquery, x::tsquery FROM public.hidden"]),
    ("SELECT * FROM pg_options_to_table($1)", [b"{a=b}"]),
    ("SELECT pg_get_viewdef('cdm.hidden_view'::text)", []),
    ("SELECT pg_get_viewdef(CASE WHEN true THEN 'cdm.hidden_view'::regclass END, true)", []),
    ("SELECT pg_get_viewdef($1::regclass)", [b"cdm.hidden_view"]),
    ("SELECT pg_get_functiondef($1::regprocedure)", [b"site.ran(text)"]),
    ("SELECT pg_get_functiondef('site.ran'::regproc)", []),
    ("SELECT currval($1)", [b"site.numbers"]),
    ("SELECT nextval(COALESCE(NULL::regclass, 'site.numbers'))", []),
    ("SELECT setval((ARRAY[NULL::regclass, 'site.numbers'])[2], 7)", []),
    ("SELECT pg_sequence_last_value('site.numbers')", []),
    # files and large objects
    ("SELECT pg_read_file($1)", [b"PG_VERSION"]),
    ("SELECT pg_read_binary_file(filename => 'PG_VERSION')", []),
    ("SELECT * FROM ROWS FROM (pg_ls_dir('.'), generate_series(1, 2)) AS f(a, b)", []),
    ("SELECT pg_ls_logdir(), pg_ls_waldir()", []),
    ("SELECT lo_get($1)", [b"12345"]),
    ("SELECT loread(lo_open($1, 262144), 100)", [b"12345"]),
    ("SELECT convert_from(lo_get(12345), 'UTF8')::int", []),
    ("SELECT data::text FROM pg_catalog.pg_largeobject", []),
    # functions by name
    ("SELECT has_function_privilege($1, 'EXECUTE')", [b"site.ran(text)"]),
    ("SELECT (site.ran('x'))", []),
    ("SELECT x.ran FROM (SELECT 'x'::text) AS x(ran), LATERAL site.ran(ran) AS f", []),
    ("SELECT count(*) FROM person TABLESAMPLE site.ran(1)", []),
    ("SELECT site.total(1)", []),
    ("SELECT site.total(person_id) OVER () FROM person", []),
    ("SELECT 'a' OPERATOR(site.===) 'b'", []),
    ("SELECT 'a' OPERATOR(site.===) ANY ('{a,b}')", []),
    ("SELECT * FROM person ORDER BY 'a' USING OPERATOR(site.===)", []),
    ("SELECT 'a' === 'b'", []),
    ("SELECT person.total FROM person", []),
    ("SELECT (person).total, (person.*).shown FROM person", []),
    ("SELECT shown(person) FROM person", []),
    ("SELECT cdm.shown(p) FROM person p", []),
    ("SELECT p.shown FROM person p", []),
    ("SELECT 'a' LIKE 'b' ESCAPE site.ran('c')::text", []),
    ("SELECT xmltable.* FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS a text PATH site.ran('b')::text)", []),
]

TYPE_FORMS = [
    "SELECT 'x'::{t}", "SELECT CAST('x' AS {t})", "SELECT {t} 'x'", "SELECT {t}('x')", "SELECT '{{x}}'::{t}[]",
    "SELECT ARRAY['x']::{t}[]", "SELECT NULL::{t} = 'x'", "SELECT COALESCE(NULL::{t}, 'x')", "SELECT NULLIF(NULL::{t}, 'x')",
    "SELECT CASE WHEN true THEN 'x' ELSE NULL::{t} END", "SELECT GREATEST(NULL::{t}, 'x')",
    "SELECT a FROM jsonb_to_record('{{\"a\": \"x\"}}') AS r(a {t})", "SELECT * FROM json_to_recordset('[{{\"a\": \"x\"}}]') AS (a {t})",
    "SELECT * FROM json_populate_record(NULL::{t}, '{{\"a\": \"x\", \"b\": \"x\"}}')", "SELECT jsonb_populate_recordset(NULL::{t}, '[{{\"a\": \"x\"}}]')",
    "SELECT * FROM ROWS FROM (json_to_record('{{\"a\": \"x\"}}') AS (a {t})) AS f", "SELECT JSON_VALUE('\"x\"', '$' RETURNING {t})",
    "SELECT JSON_QUERY('\"x\"', '$' RETURNING {t})", "SELECT JSON_OBJECT('a': 1 RETURNING {t})", "SELECT JSON_SERIALIZE('\"x\"' RETURNING {t})",
    "SELECT JSON_VALUE('1', '$.a' DEFAULT 'x'::{t} ON EMPTY)", "SELECT * FROM JSON_TABLE('\"x\"', '$' COLUMNS (a {t} PATH '$'))",
    "SELECT XMLSERIALIZE(CONTENT '<a/>' AS {t})", "SELECT * FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS a {t})",
    "SELECT 'x' IN (VALUES (NULL::{t}))", "VALUES (NULL::{t}), ('x')", "SELECT NULL::{t} UNION ALL SELECT 'x'",
    "WITH RECURSIVE r AS (SELECT NULL::{t} AS a UNION ALL SELECT 'x' FROM r WHERE a IS NULL) TABLE r",
    "PREPARE p({t}) AS SELECT $1; EXECUTE p('x')", "PREPARE p AS SELECT $1::{t}; EXECUTE p('x')", "SELECT 'x' COLLATE \"C\"::{t}",
    "SELECT pg_typeof('x'::{t})", "SELECT count(*) FROM person WHERE 'x'::{t} IS NULL", "COPY (SELECT 'x'::{t}) TO STDOUT",
    "EXPLAIN SELECT 'x'::{t}", "DECLARE c CURSOR FOR SELECT 'x'::{t}; FETCH c", "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY 'x'::{t})",
    "SELECT pg_input_is_valid('x', '{t}')", "SELECT * FROM pg_input_error_info('x', '{t}')",
    "SELECT enum_range(NULL::{t})", "SELECT enum_first(NULL::{t})", "SELECT lower('[x,y]'::{t})", "SELECT ROW('x', 'y')::{t}", "SELECT (ROW('x', 'y')::{t}).a",
]

# Statements that a settings' allow-list must answer the same in every form: none may leave a session changed.
SETTING_FORMS = [
    "SET {n} = {v}", "SET SESSION {n} TO {v}", "SET LOCAL {n} = {v}", "BEGIN; SET LOCAL {n} = {v}; COMMIT", "SET \"{n}\" = {v}", "SET {n} = {v}, {v}",
    "SET {n} FROM CURRENT", "ALTER ROLE ALL SET {n} = {v}", "ALTER USER CURRENT_USER SET {n} = {v}", "ALTER ROLE omcp_reader IN DATABASE cdm SET {n} = {v}",
    "ALTER DATABASE cdm SET {n} = {v}", "ALTER SYSTEM SET {n} = {v}", "ALTER FUNCTION site.ran SET {n} = {v}", "ALTER ROLE SESSION_USER RESET {n}",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql SET {n} = {v} AS 'SELECT 1'", "UPDATE pg_settings SET setting = {v} WHERE name = '{n}'",
    "WITH u AS (UPDATE pg_catalog.pg_settings SET setting = {v} WHERE name = '{n}' RETURNING 1) TABLE u", "SELECT set_config('{n}', {v}, false)",
    "SELECT pg_catalog.set_config('{n}', {v}, NULL)", "PREPARE s AS SELECT set_config('{n}', {v}, false); EXECUTE s",
    "PREPARE s(text) AS SELECT set_config('{n}', $1, false); EXECUTE s({v})", "SAVEPOINT a; SET {n} = {v}; RELEASE a",
    "BEGIN; SAVEPOINT a; SET LOCAL {n} = {v}; ROLLBACK TO a; SET {n} = {v}; COMMIT", "EXPLAIN (ANALYZE, SETTINGS) SELECT set_config('{n}', {v}, false)",
    "DO $$ BEGIN PERFORM set_config('{n}', {v}, false); END $$",
]
SETTINGS = [("statement_timeout", "'0'"), ("work_mem", "'1GB'"), ("transaction_read_only", "'off'"), ("default_transaction_read_only", "'false'"),
            ("search_path", "'public'"), ("row_security", "'off'"), ("session_replication_role", "'replica'"), ("default_transaction_isolation", "'serializable'")]
OTHER_SETTINGS = [
    "SET TIME ZONE LOCAL; SET XML OPTION DOCUMENT; SET lo_compat_privileges = on", "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
    "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'", "SET role TO omcp_admin", "SET \"role\" = 'omcp_admin'", "SELECT set_config('role', 'omcp_admin', false)",
    "SET session_authorization = 'omcp_admin'", "SELECT set_config('session_authorization', 'omcp_admin', false)", "SET omcp.x = 'y'", "SET plpgsql.extra_errors = 'all'",
    "SET local_preload_libraries = 'x'", "SET dynamic_library_path = '/tmp'", "SET default_tablespace = 'pg_global'", "SET temp_tablespaces = 'x'", "SET debug_print_parse = on",
    "SET log_statement = 'none'", "SET track_functions = 'none'", "SET application_name = E'a\\nb'", "SET allow_system_table_mods = on", "SET zero_damaged_pages = on",
    "SET ignore_system_indexes = on", "SET transform_null_equals = on", "SET default_text_search_config = 'site.conf'", "RESET ALL; RESET work_mem; RESET statement_timeout", "DISCARD ALL", "DISCARD PLANS; DISCARD TEMP",
]
STARTUP: list[dict[str, str]] = [
    {"options": option} for option in (
        "-c work_mem=1GB", "--work-mem=1GB", "-S 1048576", "-S1048576", "-c statement_timeout=0", "-cstatement_timeout=0", "-c default_transaction_read_only=off", "-O", "-P", "-W 20", "-f si",
        "-B 99", "-F", "-o x", "-t pa", "-d 5", "-c session_replication_role=replica", "-c client_encoding=SJIS", "-c\tsearch_path=public", "-c search_path=public\\,site", "--search_path=public",
        "-c row_security=off -c row_security=off", "-c backslash_quote=on", "-c role=omcp_admin", "-e", "-i", "-n", "-j")
] + [{"client_encoding": "SJIS"}, {"standard_conforming_strings": "off"}, {"Search_Path": "public"}, {"replication": "database"}, {"replication": "true"}, {"_pq_.x": "1"},
     {"work_mem": "1GB"}, {"session_authorization": "omcp_admin"}, {"database": "postgres"}, {"database": "template1"}, {"user": "omcp_admin"}, {"user": "postgres", "database": "dbname=postgres user=omcp_admin"}]

CATALOGS = [
    *(f"SELECT * FROM {name}" for name in (
        "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic_ext", "pg_statistic_ext_data", "pg_rules", "pg_policies", "pg_policy", "pg_rewrite", "pg_matviews", "pg_indexes", "pg_index", "pg_trigger",
        "pg_publication_tables", "pg_publication_rel", "pg_seclabels", "pg_shdescription", "pg_description", "pg_partitioned_table", "pg_attrdef", "pg_constraint", "pg_enum", "pg_type", "pg_proc", "pg_aggregate",
        "pg_operator", "pg_cast", "pg_language", "pg_ts_config", "pg_ts_dict", "pg_range", "pg_sequence", "pg_sequences", "pg_stat_activity", "pg_stat_statements", "pg_stat_user_functions", "pg_stat_user_tables",
        "pg_foreign_server", "pg_user_mapping", "pg_foreign_table", "pg_db_role_setting", "pg_roles", "pg_user", "pg_group", "pg_subscription", "pg_event_trigger", "pg_default_acl", "pg_init_privs", "pg_depend",
        "pg_shdepend", "pg_tablespace", "pg_database", "pg_namespace", "pg_class", "pg_attribute", "pg_config", "pg_hba_file_rules", "pg_cursors", "pg_prepared_statements", "pg_available_extensions", "pg_collation",
        "pg_conversion", "pg_am", "pg_opclass", "pg_opfamily", "pg_amop", "pg_amproc", "pg_inherits", "pg_views", "pg_tables", "pg_timezone_names", "pg_locks", "pg_settings", "pg_replication_slots")),
    *(f"SELECT * FROM information_schema.{name}" for name in (
        "views", "routines", "check_constraints", "triggers", "domains", "domain_constraints", "parameters", "element_types", "user_defined_types", "attributes", "columns", "tables", "key_column_usage",
        "view_column_usage", "view_routine_usage", "routine_column_usage", "role_table_grants", "foreign_server_options", "user_mapping_options", "table_privileges", "data_type_privileges", "sequences", "schemata", "applicable_roles")),
    *(f"SELECT {expression} FROM pg_catalog.{table} t" for table in ("pg_class", "pg_attribute", "pg_type", "pg_namespace", "pg_constraint", "pg_index") for expression in (
        "t", "t::text", "t.*::text", "to_jsonb(t)", "row_to_json(t.*)", "json_agg(t)", "array_agg(t)::text", "hash_record(t)", "ROW(t.*)::text", "string_agg(t::text, ',')", "(t).*", "concat(t)", "format('%s', t)", "t IS NULL, t",
        "jsonb_each_text(to_jsonb(t))", "pg_column_size(t), t.tableoid::regclass, t.ctid, t.xmin", "max(t::text)", "quote_literal(t)", "t::text::xml", "count(DISTINCT t), min(t::text)")),
    *(f"SELECT {call} FROM pg_catalog.pg_class c" for call in (
        "pg_describe_object(1259, c.oid, 0)", "pg_identify_object(1259, c.oid, 0)", "pg_identify_object_as_address(1259, c.oid, 1)", "obj_description(c.oid)", "obj_description(c.oid, 'pg_class')", "col_description(c.oid, 1)",
        "pg_get_viewdef(c.oid, 80)", "pg_get_partkeydef(c.oid)", "pg_get_partition_constraintdef(c.oid)", "pg_partition_root(c.oid)", "pg_partition_tree(c.oid)", "pg_partition_ancestors(c.oid)", "pg_relation_filepath(c.oid)",
        "pg_filenode_relation(0, c.relfilenode)", "aclexplode(c.relacl)", "pg_get_userbyid(c.relowner)", "c.relacl::text", "c.reloptions", "c.relpartbound", "pg_get_expr(c.relpartbound, c.oid)", "c.oid::regclass::name",
        "c.reltype::regtype", "format_type(c.reltype, NULL)", "pg_get_ruledef(c.oid)", "pg_get_indexdef(c.oid)", "pg_get_statisticsobjdef_expressions(c.oid)", "pg_index_column_has_property(c.oid, 1, 'asc')", "has_table_privilege(c.oid, 'SELECT'), c.relname")),
    *(f"SELECT {call} FROM pg_catalog.generate_series(16384, 16600) AS g" for call in (
        "pg_describe_object(1255, g::oid, 0)", "pg_get_functiondef(g::oid)", "pg_get_function_result(g::oid)", "pg_get_function_arguments(g::oid)", "pg_get_function_sqlbody(g::oid)", "g::oid::regproc::text", "g::oid::regprocedure",
        "g::oid::regclass::text", "g::oid::regrole", "g::oid::regnamespace", "pg_get_triggerdef(g::oid)", "pg_get_constraintdef(g::oid, true)", "obj_description(g::oid, 'pg_proc')", "shobj_description(g::oid, 'pg_authid')", "format_type(g::oid, 1)")),
    "EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM death", "EXPLAIN (FORMAT JSON) SELECT * FROM note", "EXPLAIN (ANALYZE, VERBOSE) TABLE note", "EXPLAIN (GENERIC_PLAN) SELECT * FROM death WHERE $1 = x",
    "SELECT 1/0 FROM death", "SELECT x::int FROM death", "SELECT x::int FROM note", "SELECT d::text::int FROM death d", "SELECT CAST(note AS text)::int FROM note", "SELECT person_id::smallint FROM note ORDER BY x::date",
    "SELECT pg_typeof(x), pg_column_compression(x) FROM note", "SELECT * FROM pg_get_keywords(), pg_get_catalog_foreign_keys()", "SELECT relname FROM pg_class WHERE pg_get_viewdef(oid)::int > 0",
    "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c", "SELECT pg_get_expr(a.adbin, a.adrelid) FROM pg_attrdef a", "SELECT pg_get_serial_sequence('cdm.hidden', 'x')",
    "SELECT attmissingval FROM pg_attribute", "SELECT attmissingval::text::text[] FROM pg_attribute WHERE attname = 'late'", "SELECT attoptions, attfdwoptions, attacl FROM pg_attribute", "SELECT stxexprs FROM pg_statistic_ext",
    "SELECT most_common_vals::text FROM pg_stats", "SELECT stavalues1 FROM pg_statistic", "SELECT prosrc, probin, proargdefaults FROM pg_proc", "SELECT pg_stat_get_backend_activity(b) FROM pg_stat_get_backend_idset() b",
    "SELECT (pg_stat_get_activity(NULL)).query", "SELECT pg_blocking_pids(1), pg_stat_get_backend_client_addr(1)", "SELECT pg_get_object_address('table', '{site,secret}', '{}')", "SELECT * FROM pg_get_publication_tables('p')",
    "SELECT pg_get_multixact_members('1')", "SELECT pg_snapshot_xip(pg_current_snapshot())", "TABLE cdm.hidden", "SELECT * FROM ONLY site.secret", "SELECT * FROM cdm.hidden_view", "SELECT * FROM hidden_view",
]
