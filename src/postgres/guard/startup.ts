/** What a client asks for in its startup packet: settings, by name or in `options`, as libpq and JDBC send them. */
import { Refusal, SQLSTATE } from "./refusal.ts";
import type { StartupParameters } from "../wire/opening.ts";
import { off } from "./setting_values.ts";
import { decideSetting, valuesIn } from "./settings.ts";
import type { GuardPolicy } from "./types.ts";

/** The broker chooses user and database, whatever the client sends. */
const IGNORED: ReadonlySet<string> = new Set(["user", "database"]);

/** The decision about a startup packet's settings. */
export type StartupDecision =
  | { readonly settings: Readonly<Record<string, string>> }
  | { readonly refused: { readonly sqlstate: string; readonly message: string; readonly hint: string } };

/**
 * Decides about a startup packet's settings as {@link decideSetting} does about any change.
 *
 * @param parameters Names and values of the packet.
 * @param policy The search path and time limits.
 * @returns The settings of the session, or the refusal.
 */
export function decideStartup(
  parameters: StartupParameters,
  policy: GuardPolicy,
): StartupDecision {
  const settings: Record<string, string> = {};
  try {
    for (const [name, value] of parameters.flatMap((parameter) => settingsIn(parameter, policy))) {
      if (decideSetting(name, valuesIn(name, value), policy) === "changes") {
        settings[name.toLowerCase()] = value;
      }
    }
    return { settings };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { message, sqlstate, hint } = error;
    return { refused: { sqlstate, message, hint } };
  }
}

function settingsIn([name, value]: StartupParameters[number], policy: GuardPolicy): StartupParameters {
  if (IGNORED.has(name) || name.startsWith("_pq_.")) return [];
  if (name === "options") return settingsOf(value);
  if (name !== "replication") return [[name, value]];
  if (off([value], policy)) return [];
  throw new Refusal("replication is not available in a sandbox", "Leave the replication parameter out");
}

/** Reads `-c name=value --name=value`: words are split at white space, a backslash keeps the next character as it is. */
function settingsOf(options: string): StartupParameters {
  const words = options.match(/(?:\\.|[^\s\\])+/gsu) ?? [];
  const plain = words.map((word) => word.replaceAll(/\\(.)/gsu, "$1"));
  const found: StartupParameters[number][] = [];
  for (let at = 0; at < plain.length; at += 1) {
    const word = plain[at] ?? "";
    const setting = word === "-c" ? plain[at += 1] ?? "" : /^(?:-c|--)(.+)$/s.exec(word)?.[1] ?? "";
    const equals = setting.indexOf("=");
    if (equals < 1) {
      throw new Refusal(
        `invalid startup option "${word}"`,
        "Write -c name=value",
        SQLSTATE.syntaxError,
      );
    }
    found.push([setting.slice(0, equals).replaceAll("-", "_"), setting.slice(equals + 1)]);
  }
  return found;
}
