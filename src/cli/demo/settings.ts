/** The settings of the demo's server, derived from the reader's own. */
import type { EngineLocation } from "../../app/engine_access.ts";
import { readConfig, type ReadVariable, SETTINGS } from "../../app/config.ts";
import type { Settings } from "../../app/environment.ts";
import type { LaunchOptions } from "../../app/launch.ts";
import { permissionNeeds } from "../../app/permission_needs.ts";
import { OmcpError } from "../../errors.ts";

/** A server of the demo. */
export interface DemoServer {
  /** All settings that have a value. */
  readonly environment: Readonly<Record<string, string>>;
  /** What its permissions depend on. */
  readonly launch: Omit<LaunchOptions, "project">;
  /** The engine's address. */
  readonly location: EngineLocation;
}

/**
 * Derives the demo's server from the settings of the environment and of the file of settings.
 *
 * @param settings The settings.
 * @param own Settings of the demo, which replace the reader's; an empty value is none.
 * @throws {OmcpError} `config_invalid` for a wrong setting, and for a database whose rows cells may not read, because the demo shows what cells read.
 */
export function demoServer(
  { read, unknown }: Pick<Settings, "read" | "unknown">,
  own: Readonly<Record<string, string>>,
): DemoServer {
  const find: ReadVariable = (name) => Object.hasOwn(own, name) ? own[name] : read(name);
  const config = readConfig(find, unknown);
  if (config.database.kind === "none" || config.disclosure !== undefined) {
    const what = config.database.kind === "none" ? "none is configured" : "OMCP_DISCLOSURE is aggregate";
    throw new OmcpError("config_invalid", `The demo reads rows of a database in a sandbox, and ${what}`, {
      state: "Nothing was started.",
      next:
        "Set OMCP_DATABASE_URL=sample; or OMCP_DISCLOSURE=open, if code in sandboxes may read the database.",
    });
  }
  // The command line takes the guard's folder from the project.
  const { guardFolder: _, ...needs } = permissionNeeds(config);
  const given = Object.keys(SETTINGS).map((name) => [name, find(name) ?? ""] as const);
  return {
    environment: Object.fromEntries(given.filter(([, value]) => value !== "")),
    launch: defined(needs),
    location: config.engine,
  };
}

/** Without the values that are undefined. */
function defined<T extends object>(values: T): Partial<T> {
  const found: Partial<T> = {};
  for (const name in values) if (values[name] !== undefined) found[name] = values[name];
  return found;
}
