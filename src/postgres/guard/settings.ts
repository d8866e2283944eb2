/**
 * What sandboxes may do with settings: one list for SET, SET LOCAL, SET … TO DEFAULT, RESET, set_config() and startup
 * options. A setting that changes how SQL is read or what a session may do is never changeable.
 */
import { Refusal, SQLSTATE } from "./refusal.ts";
import type { GuardPolicy } from "./types.ts";
import {
  anything,
  between,
  cdmFirst,
  off,
  on,
  oneOf,
  onOrOff,
  type SettingValues,
  size,
  splitNames,
  timeOrNone,
  timeUpToLimit,
  utf8,
  type ValueRule,
} from "./setting_values.ts";

const ISOLATION = oneOf("serializable", "repeatable read", "read committed", "read uncommitted");
/** Lower levels show the inner workings of the server. */
const MESSAGES = oneOf("info", "notice", "warning", "error");

const TIME_LIMITS = ["idle_in_transaction_session_timeout", "statement_timeout"];
/** The planner's costs. */
const COSTS = ["cpu_index_tuple_cost", "cpu_operator_cost", "cpu_tuple_cost", "parallel_setup_cost"].concat(
  ["parallel_tuple_cost", "random_page_cost", "seq_page_cost"],
);
const JIT_COSTS = ["jit_above_cost", "jit_inline_above_cost", "jit_optimize_above_cost"];
/** The sizes from which the planner changes its plan. */
const SIZES = ["effective_cache_size", "min_parallel_index_scan_size", "min_parallel_table_scan_size"];

/** What the planner may use or not: `enable_…`. */
const PLANNER_SWITCHES =
  ("async_append bitmapscan gathermerge group_by_reordering hashagg hashjoin incremental_sort " +
    "indexonlyscan indexscan material memoize mergejoin nestloop parallel_append parallel_hash " +
    "partition_pruning partitionwise_aggregate partitionwise_join presorted_aggregate seqscan sort " +
    "tidscan").split(" ");

/** How results are written, how a plan is searched, and limits that may only become stricter. */
const CHANGEABLE: ReadonlyMap<string, ValueRule> = new Map<string, ValueRule>([
  ["application_name", anything],
  ["bytea_output", oneOf("hex", "escape")],
  ["client_min_messages", MESSAGES],
  ["constraint_exclusion", oneOf("on", "off", "partition")],
  ["cursor_tuple_fraction", between(0, 1)],
  ["datestyle", anything],
  ["default_transaction_deferrable", onOrOff],
  ["default_transaction_isolation", ISOLATION],
  ["escape_string_warning", onOrOff],
  ["extra_float_digits", between(-15, 3)],
  // 8 is the default of both, and more makes planning slow
  ["from_collapse_limit", between(1, 8)],
  ["join_collapse_limit", between(1, 8)],
  // At most its default: without the genetic search, planning a join of twenty tables takes gigabytes.
  ["geqo_threshold", between(2, 12)],
  ["geqo_effort", between(1, 10)],
  ["geqo_generations", between(0, 500)],
  ["geqo_pool_size", between(0, 500)],
  ["geqo_seed", between(0, 1)],
  ["geqo_selection_bias", between(1.5, 2)],
  ["check_function_bodies", onOrOff],
  ["default_statistics_target", between(1, 10_000)],
  ["effective_io_concurrency", between(0, 1_000)],
  ["recursive_worktable_factor", between(0.001, 1_000_000)],
  ["synchronous_commit", oneOf("on", "off", "local", "remote_write", "remote_apply")],
  // The time of a statement includes its wait for locks.
  ["lock_timeout", timeOrNone("lock_timeout", true)],
  ["idle_session_timeout", timeOrNone("idle_session_timeout")],
  ["transaction_timeout", timeOrNone("transaction_timeout")],
  ...COSTS.map((name) => [name, between(0, 999_999_999)] as const),
  ...JIT_COSTS.map((name) => [name, between(-1, 999_999_999)] as const),
  ...SIZES.map((name) => [name, size] as const),
  ["intervalstyle", oneOf("postgres", "postgres_verbose", "sql_standard", "iso_8601")],
  ["jit", onOrOff],
  ["lc_monetary", anything],
  ["lc_numeric", anything],
  ["lc_time", anything],
  ["max_parallel_workers_per_gather", between(0, 2)],
  ["parallel_leader_participation", onOrOff],
  ["plan_cache_mode", oneOf("auto", "force_generic_plan", "force_custom_plan")],
  ["seed", between(-1, 1)],
  ["timezone", anything],
  ["transaction_deferrable", onOrOff],
  ["transaction_isolation", ISOLATION],
  ["xmlbinary", oneOf("base64", "hex")],
  ...TIME_LIMITS.map((name) => [name, timeUpToLimit(name)] as const),
  ...PLANNER_SWITCHES.map((what) => [`enable_${what}`, onOrOff] as const),
]);

/** Settings that keep their value. Drivers set them to the value they have: the broker answers that without changing anything. */
const KEPT: ReadonlyMap<string, ValueRule> = new Map<string, ValueRule>([
  ["array_nulls", on],
  ["backslash_quote", oneOf("safe_encoding")],
  // the guard reads SQL as UTF-8
  ["client_encoding", utf8],
  ["default_transaction_read_only", on],
  ["geqo", on],
  ["role", oneOf("none")],
  ["row_security", on],
  ["search_path", cdmFirst],
  ["session_authorization", oneOf("default")],
  ["session_replication_role", oneOf("origin")],
  ["standard_conforming_strings", on],
  ["transaction_read_only", on],
  ["transform_null_equals", off],
  ["xmloption", oneOf("content")],
]);

/** The settings a session may read by SHOW or current_setting(), besides those above. */
const READABLE: ReadonlySet<string> = new Set(
  ("autovacuum block_size data_checksums deadlock_timeout debug_assertions default_table_access_method " +
    "default_text_search_config default_toast_compression exit_on_error gin_fuzzy_search_limit hash_mem_multiplier " +
    "in_hot_standby integer_datetimes lc_messages maintenance_work_mem max_connections max_function_args " +
    "max_identifier_length max_index_keys max_locks_per_transaction max_parallel_workers max_prepared_transactions " +
    "max_stack_depth max_worker_processes quote_all_identifiers segment_size server_encoding server_version " +
    "server_version_num shared_buffers superuser_reserved_connections temp_buffers temp_file_limit " +
    "timezone_abbreviations wal_block_size work_mem").split(" "),
);

/** Settings of the two lists. */
const SETTABLE_NAMES: readonly string[] = [...CHANGEABLE.keys(), ...KEPT.keys()];
/** All settings that may be read, for the test that compares them with a server's. */
export const READABLE_NAMES: readonly string[] = [...SETTABLE_NAMES, ...READABLE];

/** What happens to a change: the guard sends it, or answers it because it changes nothing. */
export type SettingDecision = "changes" | "kept";

const HINT =
  "Allowed are application_name, DateStyle, IntervalStyle, TimeZone, extra_float_digits, enable_…, a lower statement_timeout and the like";

/**
 * Decides about giving a setting a value.
 *
 * @param name The setting's name, in any case.
 * @param values The value, as `SET … TO a, b` gives it; `default`; or `unknown` if it is not a constant.
 * @param policy The search path and time limits.
 * @returns The decision.
 * @throws {Refusal} It may not be set, or not to this value.
 */
export function decideSetting(
  name: string,
  values: SettingValues | "default" | "unknown",
  policy: GuardPolicy,
): SettingDecision {
  const lower = name.toLowerCase();
  const changeable = CHANGEABLE.get(lower);
  const rule = changeable ?? KEPT.get(lower);
  if (rule === undefined) {
    throw new Refusal(`permission denied to set parameter "${name}": the server keeps it`, HINT);
  }
  const decision = changeable === undefined ? "kept" : "changes";
  if (values === "default") return decision;
  // A value that is not known passes only if nothing depends on it.
  if (values === "unknown" ? rule === anything : rule(values, policy)) return decision;
  throw new Refusal(
    `parameter "${name}" may not be given this value in a sandbox`,
    lower === "client_encoding" ? "The encoding is always UTF8" : HINT,
    lower.endsWith("read_only") ? SQLSTATE.readOnlyTransaction : SQLSTATE.insufficientPrivilege,
  );
}

/**
 * The values in a single text, as set_config() and startup options give them.
 *
 * @param name The setting's name.
 * @param text The value.
 * @returns What `SET … TO` would give.
 */
export function valuesIn(name: string, text: string): SettingValues {
  return name.toLowerCase() === "search_path" ? splitNames(text) ?? [] : [text];
}

/**
 * Decides about reading a setting.
 *
 * @param name Its name, in any case.
 * @throws {Refusal} It may not be read.
 */
export function checkReadable(name: string): void {
  const lower = name.toLowerCase();
  if (CHANGEABLE.has(lower) || KEPT.has(lower) || READABLE.has(lower)) return;
  throw new Refusal(
    `permission denied to read parameter "${name}"`,
    "Settings of the session can be read, such as TimeZone, search_path, statement_timeout and server_version",
  );
}
