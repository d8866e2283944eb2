/** What value a setting may be given. */
export type SettingRule = "any" | "utf8" | "on" | "isolation" | "messages";

/** The settings a session may SET: how results are written, and what cannot widen what it may do. */
export const SETTABLE: ReadonlyMap<string, SettingRule> = new Map<string, SettingRule>([
  ["application_name", "any"],
  ["bytea_output", "any"],
  ["client_encoding", "utf8"],
  ["client_min_messages", "messages"],
  ["datestyle", "any"],
  ["default_transaction_deferrable", "any"],
  ["default_transaction_isolation", "isolation"],
  ["default_transaction_read_only", "on"],
  ["escape_string_warning", "any"],
  ["extra_float_digits", "any"],
  ["intervalstyle", "any"],
  ["jit", "any"],
  ["standard_conforming_strings", "on"],
  ["timezone", "any"],
  ["transaction_deferrable", "any"],
  ["transaction_isolation", "isolation"],
  ["transaction_read_only", "on"],
]);

/** The settings a session may read by SHOW or current_setting(), besides those it may SET. */
export const READABLE: ReadonlySet<string> = new Set([
  ...SETTABLE.keys(),
  "block_size",
  "default_table_access_method",
  "default_text_search_config",
  "in_hot_standby",
  "integer_datetimes",
  "lc_monetary",
  "lc_numeric",
  "lc_time",
  "max_identifier_length",
  "max_index_keys",
  "search_path",
  "server_encoding",
  "server_version",
  "server_version_num",
  "statement_timeout",
  "work_mem",
]);

/** Names of UTF-8 that PostgreSQL accepts; the guard reads SQL as UTF-8, so no other encoding is allowed. */
const UTF8_NAMES: ReadonlySet<string> = new Set(["utf8", "utf-8", "unicode"]);

const ISOLATION_LEVELS: ReadonlySet<string> = new Set([
  "serializable",
  "repeatable read",
  "read committed",
  "read uncommitted",
]);

/** Below these PostgreSQL tells what goes on inside the server. */
const MESSAGE_LEVELS: ReadonlySet<string> = new Set(["info", "notice", "warning", "error"]);

const TRUE_WORDS: ReadonlySet<string> = new Set(["on", "true", "yes", "1", "t", "y"]);

/**
 * Says whether a setting may be given a value.
 *
 * @param rule The setting's rule.
 * @param values The constants given, as text.
 * @returns Whether the values are allowed.
 */
export function allowsValues(rule: SettingRule, values: readonly string[]): boolean {
  if (values.length === 0) return false;
  const value = values.length === 1 ? (values[0] ?? "").toLowerCase() : "";
  switch (rule) {
    case "any":
      return true;
    case "utf8":
      return UTF8_NAMES.has(value);
    case "on":
      return TRUE_WORDS.has(value);
    case "isolation":
      return ISOLATION_LEVELS.has(value);
    case "messages":
      return MESSAGE_LEVELS.has(value);
  }
}
