/** `omcp serve`: reads the settings and answers the client; `serving.ts` does the work, and is loaded after the first answer. */
import { parseArgs } from "node:util";
import { openAudit } from "../app/audit.ts";
import { type Config, readConfig, readLogLevel, type ReadVariable, SETTINGS } from "../app/config.ts";
import { packageSettings } from "../app/package_settings.ts";
import { requirePermissions } from "../app/permissions.ts";
import { serverScope } from "../app/server_scope.ts";
import { ExchangeFolder } from "../exchange/mod.ts";
import { imageReference } from "../images/identity.ts";
import { startStdio } from "../mcp/transports/stdio.ts";
import { logger, startLogging } from "../observability/log.ts";
import type { Command } from "./command.ts";
import type { ServeParts, Serving } from "./serving.ts";
import { SHUTDOWN_DEADLINE_MS, shutdownSignal } from "./shutdown_signal.ts";

const log = logger("serve");

/** `omcp serve`. */
export const command: Command = {
  usage: [["[serve]", "serve MCP over stdio"]],
  help:
    `Serves MCP over standard input and output until the client disconnects; an MCP client starts it. A wrong setting ends it with a
message on standard error. Engine, images and database are reached while it serves: the first call that needs them reports what is
missing.

Settings, with their defaults:

${settingsList()}`,
  async run({ args, read, unknown }) {
    parseArgs({ args: [...args] });
    await startLogging(logLevelOrInfo(read));
    return await serve(readConfig(read, unknown), read);
  },
};

/** For readers who have a package, which does not contain docs/settings.md. */
function settingsList(): string {
  return Object.entries(SETTINGS).map(([name, { default: fallback, unit, description }]) => {
    return `  ${name}=${fallback}${unit === "" ? "" : ` (${unit})`}\n      ${description}`;
  }).join("\n");
}

/** `readConfig()` reports a wrong level together with all other wrong settings. */
function logLevelOrInfo(read: ReadVariable): Config["logLevel"] {
  try {
    return readLogLevel(read);
  } catch {
    return "info";
  }
}

/**
 * Serves MCP over stdio until the client disconnects or a signal arrives, then removes everything that it created.
 *
 * @param config The settings.
 * @param read Looks a variable of the environment up: the way to a package index.
 * @returns The process's exit code.
 * @throws {OmcpError} If a setting cannot be used: `config_invalid`. Everything else is reported by the calls that need it.
 */
export async function serve(config: Config, read: ReadVariable): Promise<number> {
  requirePermissions(config);
  const packages = await packageSettings(config.packages, read, imageReference("python"));
  const audit = openAudit(config);
  // Before the first container is created: a signal during the start must not leave one.
  const stop = shutdownSignal();
  try {
    const exchange = await openExchange(config);
    const scope = serverScope(config);
    return await serveUntilEnd({ config, scope, audit, packages, exchange, read }, stop.promise);
  } finally {
    audit.close();
    stop.dispose();
  }
}

/** Answers clients from the first moment. */
async function serveUntilEnd(parts: ServeParts, stop: Promise<string>): Promise<number> {
  let serving: Serving | undefined;
  let ending = false;
  const failed = Promise.withResolvers<string>();
  const stdio = startStdio({
    scope: parts.scope,
    load: async () => {
      const { startServing } = await import("./serving.ts");
      if (ending) throw new Error("The server is shutting down");
      serving = startServing(parts);
      serving.ended.then(failed.resolve, failed.reject);
      return serving.create;
    },
  });
  stdio.loaded.catch(failed.reject);
  try {
    const reason = await Promise.race([stop, stdio.ended, failed.promise]);
    log.info("Shutting down: {reason}", { reason });
    return 0;
  } finally {
    ending = true;
    failed.promise.catch(() => {/* The reason for the end is known. */});
    const forced = setTimeout(() => Deno.exit(1), SHUTDOWN_DEADLINE_MS);
    await Promise.allSettled([stdio.close(), serving?.close()]);
    clearTimeout(forced);
  }
}

async function openExchange({ exchangeFolder, exchangeBytes }: Config): Promise<ExchangeFolder | undefined> {
  return exchangeFolder === undefined ? undefined : await ExchangeFolder.open(exchangeFolder, exchangeBytes);
}
