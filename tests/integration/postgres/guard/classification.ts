/**
 * What PostgreSQL 17 has, by its own catalogs, and what the guard does with it: each function (by name, or name and number of
 * arguments), relation of the catalogs, setting, operator and statement is in exactly one group. `classification_test.ts` asks a
 * server for all of them, finds the group of each, and asks the guard.
 */

/** What is said of several things at once. */
export interface Group {
  readonly decision: "allowed" | "refused";
  /** Why. */
  readonly reason: string;
  /** Names, or patterns of them, separated by spaces. */
  readonly names: string;
}

/** Functions by what the catalogs say of them, in this order; for those that no group names. */
export const FACTS: Readonly<Record<string, string>> = {
  internal: "takes or gives values that exist only inside the server",
  io: "reads or writes values of a type: a cast does that",
  agg: "is a step of an aggregate",
  am: "compares for an index, or hashes",
  op: "is what an operator calls: the operator does that",
  cast: "is what a cast calls",
  range: "belongs to a range type",
};

/** Functions of pg_catalog. */
export const FUNCTION_GROUPS: readonly Group[] = [
  {
    decision: "allowed",
    reason: "computes on its arguments",
    names: "abbrev abs acos acosd acosh age area array_append array_cat array_dims array_fill array_length " +
      "array_lower array_ndims array_position array_positions array_prepend array_remove array_replace " +
      "array_sample array_shuffle array_to_json array_to_string array_upper ascii asin asind asinh atan " +
      "atan2 atan2d atand atanh bit bit_count bit_length box bpchar broadcast btrim cardinality cbrt ceil " +
      "ceiling center char_length character_length chr circle concat concat_ws convert convert_from " +
      "convert_to cos cosd cosh cot cotd date date_add date_bin date_part date_subtract date_trunc " +
      "datemultirange daterange decode degrees diagonal diameter div encode enum_first enum_last enum_range " +
      "erf erfc exp extract factorial family float4 float8 floor format gcd gen_random_uuid generate_series " +
      "generate_subscripts get_bit get_byte hashint4 hashint4extended hashint8 hashint8extended hashtext " +
      "hashtextextended height host hostmask inet_merge inet_same_family initcap int2 int4 int4multirange " +
      "int4range int8 int8multirange int8range interval is_normalized isclosed isempty isfinite " +
      "ishorizontal isopen isparallel isperp isvertical justify_days justify_hours justify_interval lcm " +
      "left length like_escape line ln log log10 lower lower_inc lower_inf lpad lseg ltrim make_date " +
      "make_interval make_time make_timestamp make_timestamptz masklen md5 min_scale mod multirange name " +
      "netmask network normalize npoints num_nonnulls num_nulls numeric nummultirange numrange octet_length " +
      "oid overlaps overlay parse_ident path pclose pi point polygon popen position pow power quote_ident " +
      "quote_literal quote_nullable radians radius random random_normal range_merge regexp_count " +
      "regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array " +
      "regexp_split_to_table regexp_substr repeat replace reverse right round row_to_json rpad rtrim scale " +
      "set_bit set_byte set_masklen setseed sha224 sha256 sha384 sha512 sign similar_to_escape sin sind " +
      "sinh slope split_part sqrt starts_with string_to_array string_to_table strpos substr substring tan " +
      "tand tanh text time timestamp timestamptz timetz timezone to_ascii to_bin to_char to_date to_hex " +
      "to_json to_jsonb to_number to_oct to_timestamp translate trim_array trim_scale trunc tsmultirange " +
      "tsrange tstzmultirange tstzrange unicode_assigned unistr unnest upper upper_inc upper_inf " +
      "uuid_extract_timestamp uuid_extract_version varbit varchar width width_bucket",
  },
  {
    decision: "allowed",
    reason: "aggregates",
    names:
      "any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp " +
      "cume_dist dense_rank every max min mode percent_rank percentile_cont percentile_disc range_agg " +
      "range_intersect_agg rank regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx " +
      "regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance",
  },
  {
    decision: "allowed",
    reason: "searches texts",
    names:
      "array_to_tsvector get_current_ts_config numnode phraseto_tsquery plainto_tsquery querytree setweight " +
      "strip to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd ts_rewrite/3 " +
      "tsquery_phrase tsvector_to_array websearch_to_tsquery",
  },
  {
    decision: "allowed",
    reason: "reports on the session itself, on types, or on whether a name is visible",
    names: "clock_timestamp current_database current_schema current_schemas current_setting format_type " +
      "getdatabaseencoding has_any_column_privilege/2 has_column_privilege/3 has_schema_privilege/2 " +
      "has_table_privilege/2 icu_unicode_version now pg_advisory_unlock_all pg_backend_pid pg_basetype " +
      "pg_char_to_encoding pg_client_encoding pg_collation_for pg_collation_is_visible " +
      "pg_current_xact_id_if_assigned pg_encoding_max_length pg_encoding_to_char pg_is_in_recovery " +
      "pg_jit_available pg_my_temp_schema pg_opclass_is_visible pg_relation_is_publishable pg_size_bytes " +
      "pg_size_pretty pg_table_is_visible pg_type_is_visible pg_typeof set_config statement_timestamp " +
      "timeofday to_regclass to_regnamespace to_regtype to_regtypemod transaction_timestamp " +
      "txid_current_if_assigned unicode_version version",
  },
  {
    decision: "allowed",
    reason: "describes relations, of which the guard shows the sandbox's own",
    names:
      "col_description obj_description/2 pg_column_size pg_get_constraintdef pg_get_expr pg_get_indexdef " +
      "pg_get_keywords pg_get_partkeydef pg_get_serial_sequence pg_get_statisticsobjdef_columns " +
      "pg_get_triggerdef pg_get_userbyid pg_indexes_size pg_partition_ancestors pg_relation_size " +
      "pg_table_size pg_total_relation_size",
  },
  {
    decision: "allowed",
    reason: "ranks and looks at neighbours in a window",
    names: "first_value lag last_value lead nth_value ntile row_number",
  },
  {
    decision: "allowed",
    reason: "takes JSON apart and builds it",
    names: "json_agg json_agg_strict json_array_elements json_array_elements_text json_array_length " +
      "json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text " +
      "json_object json_object_agg json_object_agg_strict json_object_agg_unique " +
      "json_object_agg_unique_strict json_object_keys json_strip_nulls json_to_record json_to_recordset " +
      "json_to_tsvector json_typeof jsonb_agg jsonb_agg_strict jsonb_array_elements " +
      "jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each " +
      "jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object " +
      "jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict " +
      "jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz " +
      "jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first " +
      "jsonb_path_query_first_tz jsonb_path_query_tz jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls " +
      "jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof",
  },
  {
    decision: "refused",
    reason: "reads files of the server, or lists their names",
    names:
      "pg_read_file pg_read_binary_file pg_ls_\\w+ pg_stat_file pg_current_logfile pg_relation_file\\w+ " +
      "pg_filenode_relation pg_tablespace_\\w+ pg_database_size pg_hba_file_rules pg_ident_file_mappings " +
      "pg_show_all_file_settings pg_config pg_rotate_logfile",
  },
  {
    decision: "refused",
    reason: "reads or writes large objects",
    names: "lo_\\w+ loread lowrite",
  },
  {
    decision: "refused",
    reason: "shows or touches other sessions",
    names:
      "pg_cancel_backend pg_terminate_backend pg_log_\\w+ pg_blocking_pids pg_safe_snapshot_blocking_pids " +
      "pg_isolation_test\\w+ pg_lock_status pg_notify pg_notification_queue_usage pg_listening_channels " +
      "pg_prepared_xact pg_export_snapshot",
  },
  {
    decision: "refused",
    reason: "shows statistics: they reveal others' work, and values",
    names: "pg_stat_(?!file$)\\w+ pg_mcv_list_items pg_statistics_obj_is_visible",
  },
  {
    decision: "refused",
    reason: "waits, or takes locks",
    names: "pg_sleep\\w* pg_(?:try_)?advisory_(?!unlock_all$)\\w+",
  },
  {
    decision: "refused",
    reason: "writes",
    names: "nextval setval currval lastval pg_logical_emit_message pg_nextoid currtid2 pg_sequence_\\w+",
  },
  {
    decision: "refused",
    reason: "shows transactions of others",
    names:
      "(?:pg|txid)_(?:snapshot_|visible_in_snapshot|current_snapshot|current_xact_id$|status|xact_)\\w* " +
      "txid_current pg_last_committed_xact mxid_age pg_get_multixact_members",
  },
  {
    decision: "refused",
    reason: "runs SQL, or names relations, in its arguments",
    names: "(?:query|table|schema|database|cursor)_to_xml\\w* ts_stat ts_rewrite/2",
  },
  {
    decision: "refused",
    reason: "reads XML, by a library that cannot be cancelled",
    names: "xml_is\\w+ xmlconcat2 xmlexists xmlvalidate xpath\\w*",
  },
  {
    decision: "allowed",
    reason: "builds XML",
    names: "xmlagg xmlcomment xmltext",
  },
  {
    decision: "refused",
    reason: "administers the server",
    names: "binary_upgrade_\\w+ brin_\\w+ gin_clean_pending_list pg_backup_\\w+ pg_promote pg_reload_conf " +
      "pg_switch_wal pg_create_\\w+ pg_copy_\\w+ pg_drop_\\w+ pg_replication_\\w+ " +
      "pg_show_replication_origin_status pg_(?:split_)?wal\\w* pg_logical_slot_\\w+ " +
      "pg_import_system_collations pg_stop_making_pinned_objects pg_sync_replication_slots pg_extension_\\w+ " +
      "pg_event_trigger_\\w+ pg_available_\\w+ pg_lsn",
  },
  {
    decision: "refused",
    reason: "reports on the server as a whole",
    names: "pg_control_\\w+ inet_(?:client|server)_\\w+ pg_postmaster_start_time pg_conf_load_time " +
      "pg_current_wal_\\w+ pg_last_(?!committed)\\w+ pg_is_wal_replay_paused pg_get_wal_\\w+ " +
      "pg_get_(?:backend_memory_contexts|shmem_allocations|wait_events|replication_slots) " +
      "pg_show_all_settings pg_settings_get_flags pg_timezone_\\w+ pg_trigger_depth pg_cursor " +
      "pg_prepared_statement pg_(?:database_)?collation_actual_version pg_is_other_temp_schema",
  },
  {
    decision: "refused",
    reason: "reports on roles and rights of others",
    names:
      "has_(?:database|foreign_data_wrapper|function|language|parameter|sequence|server|tablespace|type)_privilege has_(?:schema|table|any_column)_privilege/3 has_column_privilege/4 pg_has_role getpgusername " +
      "(?:current|session|system)_user acl\\w+ makeaclitem to_regrole row_security_active",
  },
  {
    decision: "refused",
    reason: "shows source text and comments, or names by OID",
    names:
      "pg_get_(?:viewdef|ruledef|functiondef|function_\\w+|statisticsobjdef|statisticsobjdef_expressions|partition_constraintdef|publication_tables|object_address|catalog_foreign_keys|replica_identity_index) " +
      "pg_describe_object pg_identify_object\\w* pg_options_to_table obj_description/1 shobj_description " +
      "current_query oidvectortypes pg_partition_root pg_partition_tree",
  },
  {
    decision: "refused",
    reason: "takes types by name or as a row",
    names: "jsonb?_populate_\\w+ pg_input_\\w+ to_regcollation to_regoper\\w* to_regproc\\w*",
  },
  {
    decision: "refused",
    reason: "reports more of indexes, text search and the like than drivers ask",
    names:
      "pg_index(?!es_size$)\\w* pg_column_(?:is_updatable|compression|toast_chunk_id) pg_relation_is_updatable " +
      "pg_(?:conversion|function|operator|opfamily|ts_\\w+)_is_visible ts_(?:debug|lexize|parse|token_type) " +
      "amvalidate pg_collation_actual_versio satisfies_hash_partition",
  },
  {
    decision: "refused",
    reason: "is another name of what is allowed, or an internal step",
    names:
      "dexp dlog1 dlog10 dround dtrunc numeric_(?:div_trunc|exp|inc|ln|log|sqrt) int4inc int8_sum textlen " +
      "like notlike similar_escape nameconcatoid cash_words macaddr8_set7bit enum_send",
  },
  {
    decision: "refused",
    reason: "checks what others create",
    names: "\\w+_validator",
  },
];
