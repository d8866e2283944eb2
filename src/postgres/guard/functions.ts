/** How many arguments a function may be given: `[least, most]`; `VARIADIC` is allowed where most is {@link MANY}. */
export type Arity = readonly [least: number, most: number];

/** The "most" of a function that takes any number of arguments. */
export const MANY = 100;

/**
 * The functions of pg_catalog that may be called, one line an arity: `least-most: names`. Chosen by hand from PostgreSQL 17's pg_proc: what
 * computes on its arguments alone, and what drivers need to describe results. Functions that read tables, files, settings, other sessions or large
 * objects are not allowed, nor are functions that write, wait, lock or signal.
 */
const ALLOWED = `
0-0: now clock_timestamp statement_timestamp transaction_timestamp timeofday current_database current_schema version
0-0: pi random gen_random_uuid row_number rank dense_rank percent_rank cume_dist pg_backend_pid pg_is_in_recovery
0-0: pg_my_temp_schema pg_client_encoding getdatabaseencoding get_current_ts_config pg_advisory_unlock_all
0-0: pg_jit_available pg_get_keywords txid_current_if_assigned pg_current_xact_id_if_assigned
0-1: count
0-2: random
0-${MANY}: json_build_array json_build_object jsonb_build_array jsonb_build_object int4multirange int8multirange
0-${MANY}: nummultirange datemultirange tsmultirange tstzmultirange rank dense_rank percent_rank cume_dist
0-7: make_interval
1-1: abs ceil ceiling floor sign sqrt cbrt exp ln degrees radians factorial setseed min_scale scale trim_scale
1-1: sin cos tan cot asin acos atan sind cosd tand cotd asind acosd atand sinh cosh tanh asinh acosh atanh erf erfc
1-2: log round trunc
1-1: avg sum min max stddev stddev_pop stddev_samp variance var_pop var_samp bool_and bool_or every mode any_value
1-1: array_agg json_agg jsonb_agg json_agg_strict jsonb_agg_strict bit_and bit_or bit_xor range_agg range_intersect_agg
1-1: xmlagg xmlcomment xmltext
1-1: first_value last_value ntile
1-3: lag lead
1-1: length char_length character_length octet_length bit_length bit_count lower upper initcap reverse ascii chr md5
1-1: sha224 sha256 sha384 sha512 quote_ident quote_literal quote_nullable to_hex to_bin to_oct unistr
1-1: isfinite justify_days justify_hours justify_interval lower_inc upper_inc lower_inf upper_inf isempty multirange
1-2: age date_part to_timestamp timezone btrim ltrim rtrim normalize is_normalized to_ascii parse_ident
1-20: unnest
1-2: pg_relation_size
1-1: pg_table_size pg_indexes_size pg_total_relation_size
1-2: array_to_json row_to_json range_merge json_object jsonb_object int4 interval timestamp timestamptz time timetz
1-1: text date float4 float8 int2 int8 oid name to_json to_jsonb cardinality array_ndims array_dims array_shuffle
1-2: numeric
1-3: varchar bpchar bit varbit
1-1: json_typeof jsonb_typeof json_array_length jsonb_array_length json_array_elements jsonb_array_elements
1-1: json_array_elements_text jsonb_array_elements_text json_each jsonb_each json_each_text jsonb_each_text
1-1: json_object_keys jsonb_object_keys json_to_record jsonb_to_record json_to_recordset jsonb_to_recordset
1-1: json_strip_nulls jsonb_strip_nulls jsonb_pretty uuid_extract_timestamp uuid_extract_version
1-1: pg_typeof pg_column_size pg_size_pretty pg_size_bytes pg_collation_for pg_encoding_to_char
1-1: pg_char_to_encoding pg_encoding_max_length pg_basetype to_regclass to_regtype to_regnamespace to_regtypemod
1-1: pg_table_is_visible pg_type_is_visible pg_collation_is_visible pg_opclass_is_visible current_schemas
1-1: pg_get_partkeydef pg_get_statisticsobjdef_columns pg_get_userbyid pg_partition_ancestors pg_relation_is_publishable
1-1: enum_first enum_last similar_to_escape
1-2: enum_range pg_get_constraintdef pg_get_triggerdef
2-2: obj_description
1-3: pg_get_indexdef
1-${MANY}: num_nulls num_nonnulls concat format
1-1: numnode querytree strip tsvector_to_array array_to_tsvector
1-2: to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery
2-2: power pow mod div gcd lcm atan2 atan2d left right strpos position starts_with decode encode convert_from convert_to
2-3: convert substring substr lpad rpad overlay string_to_array string_to_table array_to_string regexp_like
2-4: overlay regexp_count
2-3: regexp_match regexp_matches regexp_split_to_array regexp_split_to_table similar_to_escape like_escape
2-6: regexp_substr
2-7: regexp_instr
2-2: percentile_cont percentile_disc repeat get_bit get_byte nth_value string_agg json_object_agg jsonb_object_agg json_object_agg_strict
2-2: jsonb_object_agg_strict json_object_agg_unique jsonb_object_agg_unique json_object_agg_unique_strict
2-2: jsonb_object_agg_unique_strict corr covar_pop covar_samp regr_avgx regr_avgy regr_count regr_intercept regr_r2
2-2: regr_slope regr_sxx regr_sxy regr_syy to_char to_date to_number extract isfinite
2-2: pg_get_serial_sequence array_append array_cat array_length array_lower array_upper array_positions array_prepend array_remove trim_array
1-1: abbrev area broadcast center diagonal diameter family height host hostmask isclosed isopen log10 masklen netmask
1-1: network npoints pclose popen radius width hashtext hashint4 hashint8 unicode_assigned
0-0: unicode_version icu_unicode_version
1-2: box circle ishorizontal isvertical line lseg path point polygon
2-2: inet_merge inet_same_family isparallel isperp set_masklen slope hashtextextended hashint4extended hashint8extended
2-2: length
2-3: json_to_tsvector jsonb_to_tsvector
2-2: array_sample col_description format_type
2-2: ts_delete ts_filter tsquery_phrase
2-3: array_fill array_position date_trunc date_add date_subtract generate_subscripts generate_series int4range int8range
2-4: generate_series
2-3: numrange daterange tsrange tstzrange tsquery_phrase setweight pg_get_expr
2-2: has_table_privilege has_schema_privilege has_any_column_privilege
3-3: has_column_privilege
2-4: jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first ts_rank ts_rank_cd
2-4: jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_tz jsonb_path_query_array_tz jsonb_path_query_first_tz
2-4: ts_headline
2-3: random_normal width_bucket
0-2: random_normal
2-${MANY}: concat_ws json_extract_path jsonb_extract_path json_extract_path_text jsonb_extract_path_text
3-3: make_date make_time split_part translate replace array_replace date_bin set_bit set_byte ts_rewrite
3-4: jsonb_set jsonb_insert width_bucket overlaps
3-5: jsonb_set_lax
3-6: regexp_replace
4-4: overlaps width_bucket
6-6: make_timestamp
6-7: make_timestamptz
`;

function parseArities(text: string): ReadonlyMap<string, Arity> {
  const arities = new Map<string, Arity>();
  for (const line of text.trim().split("\n")) {
    const [range = "", names = ""] = line.split(": ");
    const [least = 0, most = 0] = range.split("-").map(Number);
    for (const name of names.split(" ")) {
      const known = arities.get(name);
      arities.set(name, known ? [Math.min(known[0], least), Math.max(known[1], most)] : [least, most]);
    }
  }
  return arities;
}

/** The functions of pg_catalog that may be called, by name. */
export const FUNCTIONS: ReadonlyMap<string, Arity> = parseArities(ALLOWED);

/**
 * The volatile functions among {@link FUNCTIONS}. Each was reviewed: clocks, random numbers, two facts about the server, sizes and partitions of
 * relations, and the release of advisory locks, which asyncpg's reset calls although no sandbox can take such a lock.
 */
export const ALLOWED_VOLATILE: ReadonlySet<string> = new Set([
  "array_sample",
  "array_shuffle",
  "clock_timestamp",
  "gen_random_uuid",
  "pg_advisory_unlock_all",
  "pg_indexes_size",
  "pg_is_in_recovery",
  "pg_jit_available",
  "pg_partition_ancestors",
  "pg_relation_size",
  "pg_table_size",
  "pg_total_relation_size",
  "random",
  "random_normal",
  "setseed",
  "timeofday",
]);

/** The columns of functions in FROM whose columns are not named like the function: what may follow the dot in `f.column`. */
export const FUNCTION_COLUMNS: ReadonlyMap<string, readonly string[]> = new Map([
  // The guard writes unnest() around it, so it has only the columns that its alias names.
  ["pg_partition_ancestors", []],
  ["pg_get_keywords", ["word", "catcode", "barelabel", "catdesc", "baredesc"]],
  ["json_each", ["key", "value"]],
  ["jsonb_each", ["key", "value"]],
  ["json_each_text", ["key", "value"]],
  ["jsonb_each_text", ["key", "value"]],
  ["json_array_elements", ["value"]],
  ["jsonb_array_elements", ["value"]],
  ["json_array_elements_text", ["value"]],
  ["jsonb_array_elements_text", ["value"]],
]);

/** The operators of pg_catalog: any other belongs to an extension or the site. */
export const OPERATORS: ReadonlySet<string> = new Set(
  ("!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= <<| <= " +
    "<> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= " +
    "~>=~ ~>~ ~~ ~~*").split(" "),
);

/** The types that a cast or a column definition may name. */
export const TYPES: ReadonlySet<string> = new Set(
  ("bool int2 int4 int8 float4 float8 numeric text varchar bpchar char name bytea date time timetz timestamp timestamptz " +
    "interval uuid json jsonb jsonpath oid tid xid cid int2vector oidvector bit varbit money inet cidr macaddr macaddr8 " +
    "point line lseg box path polygon circle tsvector tsquery int4range int8range numrange daterange tsrange tstzrange " +
    "int4multirange int8multirange nummultirange datemultirange tsmultirange tstzmultirange regclass regtype " +
    "regnamespace regcollation regconfig regproc unknown _text _int4 _int8 _int2 _float8 _varchar _oid _name _bool _date " +
    "_numeric _timestamp _timestamptz _char").split(" "),
);
