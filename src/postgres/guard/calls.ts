import { asNode, constantOf, type Fields, listOf, namesOf } from "./ast.ts";
import { FUNCTIONS, MANY } from "./functions.ts";
import { Refusal } from "./refusal.ts";
import { unreadable } from "./refused.ts";
import { checkReadable, decideSetting, type SettingDecision, valuesIn } from "./settings.ts";
import type { GuardPolicy } from "./types.ts";
import { refusedFunction } from "./refused_function.ts";

/** A call of a function without a schema: the guard writes the schema before it, so that nothing can shadow the function. */
export interface PendingCall {
  /** Offset of the name, in bytes from the start of the parsed text. */
  readonly offset: number;
  /** The schema to write. */
  readonly schema: string;
}

/** The fields of a call that is nothing but a name and arguments. */
const PLAIN_CALL: ReadonlySet<string> = new Set(["funcname", "args", "funcformat", "location"]);

/** Calls that are allowed only because of their place. */
export class ApprovedCalls {
  readonly #calls = new Set<Fields>();

  /**
   * SQLAlchemy compares a table's access method with current_setting($1). The guard cannot see the parameter, but
   * comparing it with a name of pg_am reveals default_table_access_method only.
   *
   * @param expression The fields of an A_Expr.
   */
  approveIn(expression: Fields): void {
    const [operator] = namesOf(expression["name"]) ?? [];
    const left = asNode(expression["lexpr"]);
    const right = asNode(expression["rexpr"]);
    if (operator !== "<>" || left?.kind !== "ColumnRef" || right?.kind !== "FuncCall") return;
    if (namesOf(left.fields["fields"])?.join(".") === "pg_catalog.pg_am.amname") {
      this.#calls.add(right.fields);
    }
  }

  /**
   * PostgreSQL reads `unnest(a, b)` in FROM as a call of its own unnest() for each array, if the name has no schema and the call
   * is plain. With a list of columns behind it, or anything else, it would call a function of that name in the search path.
   *
   * @param range The fields of a RangeFunction.
   */
  approveUnnest(range: Fields): void {
    for (const item of listOf(range["functions"])) {
      const [first, columns] = listOf(asNode(item)?.fields["items"]);
      const call = asNode(first);
      const several = listOf(call?.fields["args"]).length > 1;
      const plain = Object.keys(call?.fields ?? {}).every((name) => PLAIN_CALL.has(name)) &&
        asNode(columns) === undefined;
      if (call?.kind !== "FuncCall" || !several || !plain) continue;
      if (namesOf(call.fields["funcname"])?.join(".") === "unnest") this.#calls.add(call.fields);
    }
  }

  /** Says whether a call is approved. @param call The fields of a FuncCall. @returns Whether it is. */
  has(call: Fields): boolean {
    return this.#calls.has(call);
  }
}

/**
 * Checks a call of a function.
 *
 * @param call The fields of a FuncCall.
 * @param policy What may be reached.
 * @param approved Calls allowed because of their place.
 * @returns The schema to write before its name, or undefined if it has one.
 * @throws {Refusal} The function is not allowed, or not with these arguments.
 */
export function checkCall(
  call: Fields,
  policy: GuardPolicy,
  approved: ApprovedCalls,
): PendingCall | undefined {
  const names = namesOf(call["funcname"]) ?? [];
  const [schema, name] = names.length === 2 ? names : [undefined, names[0]];
  if (name === undefined || names.length > 2) throw refusedFunction(names, policy);
  const own = schema === undefined || schema === "pg_catalog"
    ? checkBuiltIn(name, call, { policy, approved })
    : false;
  const home = own ? "pg_catalog" : extraSchema({ name, schema, policy });
  if (home === undefined) throw refusedFunction(names, policy);
  if (schema !== undefined) return undefined;
  if (name === "unnest" && listOf(call["args"]).length > 1) {
    if (approved.has(call)) return undefined;
    throw new Refusal(
      "unnest() of several arrays is allowed in FROM only",
      "Write FROM unnest(a, b) AS u(x, y)",
    );
  }
  const offset = call["location"] ?? 0;
  if (call["funcformat"] !== "COERCE_EXPLICIT_CALL" || typeof offset !== "number" || offset < 0) {
    throw unreadable(`a call of ${name}()`);
  }
  return { offset, schema: home };
}

/** Whether the name is an allowed function of pg_catalog; throws if its arguments are not allowed. */
function checkBuiltIn(
  name: string,
  call: Fields,
  { policy, approved }: { readonly policy: GuardPolicy; readonly approved: ApprovedCalls },
): boolean {
  const args = listOf(call["args"]);
  if (name === "current_setting") return checkCurrentSetting(args, approved.has(call));
  if (name === "set_config") return checkSetConfig(args, policy);
  if (name === "pg_export_snapshot") {
    throw new Refusal(
      "exporting a snapshot is not allowed in a sandbox's SQL",
      "Read in one connection: its transaction has one snapshot",
    );
  }
  const arity = FUNCTIONS.get(name);
  if (arity === undefined) return false;
  const [least, most] = arity;
  const count = args.length + (call["agg_within_group"] === true ? listOf(call["agg_order"]).length : 0);
  const variadic = call["func_variadic"] === true;
  if (variadic ? most < MANY : count < least || count > most) {
    throw new Refusal(
      `function ${name}() with ${
        variadic ? "VARIADIC" : String(count)
      } arguments is not among those a sandbox may call`,
      `${name}() with ${least === most ? least : `${least} to ${most}`} arguments is allowed`,
    );
  }
  return true;
}

function checkCurrentSetting(args: readonly unknown[], approved: boolean): boolean {
  const name = constantOf(args[0]);
  if (args.length < 1 || args.length > 2) throw currentSetting("takes one or two arguments");
  if (approved && name === undefined) return true;
  if (name === undefined) throw currentSetting("needs the setting's name as a constant");
  checkReadable(name);
  return true;
}

function currentSetting(problem: string): Refusal {
  return new Refusal(
    `current_setting() ${problem}`,
    "Write current_setting('TimeZone'), or SHOW TimeZone",
  );
}

function checkSetConfig(args: readonly unknown[], policy: GuardPolicy): boolean {
  if (readSetConfig(args, policy).decision === "changes") return true;
  throw new Refusal(
    "set_config() of a setting that keeps its value is allowed only by itself",
    "Write SELECT set_config(…) without anything else, or leave it out: it changes nothing",
  );
}

/**
 * Reads the arguments of set_config().
 *
 * @param args Wrapped expressions.
 * @param policy The search path and time limits.
 * @returns The decision, and the value if it is a constant.
 * @throws {Refusal} It is not allowed.
 */
export function readSetConfig(
  args: readonly unknown[],
  policy: GuardPolicy,
): { readonly decision: SettingDecision; readonly value: string | undefined } {
  const name = constantOf(args[0]);
  if (args.length !== 3 || name === undefined) {
    throw new Refusal(
      "set_config() needs three arguments, and the setting's name as a plain constant",
      "Write set_config('TimeZone', 'UTC', false), or SET TimeZone = 'UTC'",
    );
  }
  const value = constantOf(args[1]);
  const decision = decideSetting(name, value === undefined ? "unknown" : valuesIn(name, value), policy);
  return { decision, value };
}

function extraSchema(
  called: { name: string; schema: string | undefined; policy: GuardPolicy },
): string | undefined {
  for (const extra of called.policy.extraFunctions ?? []) {
    const dot = extra.indexOf(".");
    const [schema, name] = [extra.slice(0, dot), extra.slice(dot + 1)];
    if (name === called.name && (called.schema === undefined || called.schema === schema)) return schema;
  }
  return undefined;
}
