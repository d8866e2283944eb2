/** What the settings decide about the tools that a server offers. */
import type { ServerScope } from "../mcp/server_scope.ts";
import { type Toolset, TOOLSETS } from "../mcp/toolsets.ts";
import type { Config } from "./config.ts";
import { wantsToolset } from "./toolsets.ts";

/** The settings that it depends on. */
interface ScopeSettings extends Pick<Config, "toolsets"> {
  readonly database: Pick<Config["database"], "kind">;
  /** Undefined if rows may leave the database. */
  readonly disclosure: unknown;
  readonly packages: Pick<Config["packages"], "mode">;
  readonly exchangeFolder: string | undefined;
}

/**
 * The toolsets that apply and that the operator wants, and the database's mode.
 *
 * @param settings See {@link ScopeSettings}.
 */
export function serverScope(settings: ScopeSettings): ServerScope {
  const hasDatabase = settings.database.kind !== "none";
  const applies: Readonly<Record<Toolset, boolean>> = {
    core: true,
    files: true,
    omop: hasDatabase,
    exchange: settings.exchangeFolder !== undefined,
    packages: settings.packages.mode !== "off",
  };
  return {
    hasDatabase,
    disclosure: hasDatabase && settings.disclosure !== undefined ? "aggregate" : "open",
    toolsets: TOOLSETS.filter((name) => applies[name] && wantsToolset(settings.toolsets, name)),
  };
}
