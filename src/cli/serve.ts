/** Wires the modules together: the one place that knows all of them. */
import { parseArgs } from "node:util";
import { openAudit, statementAudit } from "../app/audit.ts";
import {
  type Config,
  readConfig,
  readLogLevel,
  type ReadVariable,
  RESULT_PART_OF_MEMORY,
  SETTINGS,
} from "../app/config.ts";
import type { Command } from "./command.ts";
import { DeferredPlatform } from "../app/deferred_platform.ts";
import { EngineStart } from "../app/engine_start.ts";
import { OmcpError } from "../errors.ts";
import { abortable } from "../lib/async/abortable.ts";
import { within } from "../lib/async/deadline.ts";
import { errorMessage } from "../lib/error_message.ts";
import { ExchangeFolder } from "../exchange/mod.ts";
import type { AuditLog } from "../observability/audit.ts";
import { logger, startLogging } from "../observability/log.ts";
import { endOf } from "../mcp/answer_within.ts";
import { startStdio } from "../mcp/transports/stdio.ts";
import { CodeCalls } from "../mcp/code_calls/mod.ts";
import { offeredTools } from "../mcp/offered_tools.ts";
import { changingOffer } from "../mcp/tool_offer.ts";
import { LOCAL_USER } from "../mcp/principal.ts";
import { toolVariant } from "../app/tool_variant.ts";
import { wantsToolset } from "../app/toolsets.ts";
import { type CdmGateway, cdmGateway } from "../cdm/gateway.ts";
import {
  checkPolicy,
  Packages,
  type PackageSettings,
  type ResourceMaximum,
  SandboxManager,
  scaledPolicy,
} from "../sandbox/mod.ts";
import { packageSettings } from "../app/package_settings.ts";
import { readableData } from "../app/readable_data.ts";
import { sandboxPolicy } from "../app/sandbox_policy.ts";
import { requirePermissions } from "../app/permissions.ts";
import { findImage } from "../app/sandbox_images.ts";
import { imageReference } from "../images/identity.ts";
import { SHUTDOWN_DEADLINE_MS, shutdownSignal } from "./shutdown_signal.ts";
import { logStart } from "./start_log.ts";

const log = logger("serve");

/** How long a call waits for the sandboxes of an earlier server. */
const SETTLED_MS = 15_000;

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
 * @throws {OmcpError} Where a setting cannot be used: `config_invalid`. Everything else is reported by the calls that need it.
 */
export async function serve(config: Config, read: ReadVariable): Promise<number> {
  requirePermissions(config);
  const packages = await packageSettings(config.packages, read, imageReference("python"));
  const audit = openAudit(config);
  // Before the first container is created: a signal during the start must not leave one.
  const stop = shutdownSignal();
  try {
    const exchange = await openExchange(config);
    return await serveUntilEnd({ config, audit, packages, exchange, read }, stop.promise);
  } finally {
    audit.close();
    stop.dispose();
  }
}

interface ServeParts {
  readonly config: Config;
  readonly read: ReadVariable;
  readonly audit: AuditLog;
  readonly packages: PackageSettings | undefined;
  readonly exchange: ExchangeFolder | undefined;
}

/** Answers clients from the first moment; what needs the engine or the database is looked for beside it. */
async function serveUntilEnd(parts: ServeParts, stop: Promise<string>): Promise<number> {
  const { config, audit, exchange, read } = parts;
  const policy = sandboxPolicy(config);
  checkPolicy(policy);
  const engine = new EngineStart({
    config,
    policy,
    read,
    onSandboxes: (found) => sandboxes.adopt(found),
  });
  const runtime = new DeferredPlatform(async (signal) => (await engine.ready(signal)).runtime);
  const cdm = cdmGateway(config, runtime, statementAudit(audit, LOCAL_USER.id));
  const maximum = maximumOf(engine, config);
  const packages = parts.packages && new Packages({
    ...parts.packages,
    runtime,
    instance: config.instance,
    get workspaceBytes() {
      return scaledPolicy(policy, maximum.memoryBytes).workspace.bytes;
    },
  });
  const image = config.image ?? imageReference("python");
  const hasOmopTools = wantsToolset(config.toolsets, "omop");
  const sandboxes: SandboxManager = new SandboxManager({
    runtime,
    instance: config.instance,
    image,
    policy,
    maximum,
    compiles: true,
    images: config.images,
    findImage: async (name, signal) => {
      const started = await engine.ready(signal);
      // The name of an unpinned default is enough: its image was found at the start, and may have been rebuilt since.
      return name === image ? started.image : await findImage(started.runtime, name, signal);
    },
    pool: {
      size: config.poolSize,
      imageId: async (reference, signal) =>
        await findImage((await engine.ready(signal)).runtime, reference, signal),
    },
    maxSandboxes: config.maxSandboxes,
    evictUnusedMs: config.evictUnusedMs,
    idleMs: config.idleMs,
    lifetimeMs: config.lifetimeMs,
    leaseSeconds: config.leaseSeconds,
    outlivesServer: config.instanceNamed,
    readable: readableData(config),
    recordResumed: ({ id, owner, sandboxId, tool, source }, work) => {
      const facts = { execution: id, principal: owner, sandbox: sandboxId, tool, source, usesKernel: true };
      return audit.execution(facts, work, endOf);
    },
    packages: packages !== undefined,
    // No code in a sandbox may reach a database whose rows must stay there.
    ...(cdm === undefined || cdm.disclosure !== undefined
      ? {}
      : { postgresConnections: postgresConnections(cdm) }),
    ...(cdm === undefined || !hasOmopTools ? {} : { codeCalls: (id) => codeCalls.serve(id) }),
  });
  const offer = changingOffer(
    () => ({
      variant: toolVariant(cdm, {
        packages: packages !== undefined,
        exchange: exchange !== undefined,
        toolsets: config.toolsets,
      }),
      memoryMaxBytes: maximum.memoryBytes,
      cpusMax: maximum.cpus,
    }),
    ({ variant, ...most }) => offeredTools(variant, { ...config, ...most }),
    firstLook(engine, cdm, config),
  );
  const services = {
    sandboxes,
    cdm,
    hasOmopTools,
    packages,
    exchange,
    limits: config,
    audit,
    settled: config.instanceNamed ? settled(engine, sandboxes) : undefined,
  };
  const codeCalls: CodeCalls = new CodeCalls({ offer, services, principal: LOCAL_USER });
  const stdio = startStdio({ offer, services, principal: LOCAL_USER });
  logStart(config, image);
  let { detach } = config;
  const lost = engine.lost.then((why) => {
    // They are the other server's now.
    detach = true;
    log.error("Another server has taken over this instance: {why}", { why });
    return why;
  });
  try {
    const reason = await Promise.race([stop, stdio.ended, lost, engine.unusable]);
    log.info("Shutting down: {reason}", { reason });
    return 0;
  } finally {
    const forced = setTimeout(() => Deno.exit(1), SHUTDOWN_DEADLINE_MS);
    await Promise.allSettled([sandboxes.close({ detach }), packages?.close(), cdm?.close(), stdio.close()]);
    // Last, so that the instance's next server finds nothing of this one.
    await engine.close();
    clearTimeout(forced);
  }
}

/** Looks for the engine and the database. A failure is logged here, and reported by each call that needs what is missing. */
async function firstLook(
  engine: EngineStart,
  cdm: CdmGateway | undefined,
  { database }: Config,
): Promise<void> {
  async function lookForDatabase(): Promise<void> {
    try {
      await cdm?.look();
    } catch (error) {
      // A local database is missing because the engine is, which has been reported.
      if (engine.found === undefined && database.kind !== "url") return;
      log.error("Serving without the database for now: {error}", {
        error: errorMessage(error),
        ...(error instanceof OmcpError ? { code: error.code, next: error.next } : {}),
      });
    }
  }
  await Promise.allSettled([engine.ready(), lookForDatabase()]);
}

/** A call may name a sandbox that an earlier server of the instance left: it waits until these are taken over. */
function settled(engine: EngineStart, sandboxes: SandboxManager): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    // Where the engine cannot be reached, the call itself reports why, if it needs it.
    const tried = engine.ready().then(() => sandboxes.adopted, () => {});
    await abortable(within(tried, SETTLED_MS), signal);
  };
}

/** What callers may ask for: what the settings say until the engine's machine is known. */
function maximumOf(engine: EngineStart, config: Config): ResourceMaximum {
  return {
    get memoryBytes() {
      return engine.found?.maximum.memoryBytes ?? config.memoryMaxBytes ?? config.memoryBytes;
    },
    get cpus() {
      return engine.found?.maximum.cpus ?? config.cpusMax ?? config.cpus;
    },
  };
}

async function openExchange({ exchangeFolder, exchangeBytes }: Config): Promise<ExchangeFolder | undefined> {
  return exchangeFolder === undefined ? undefined : await ExchangeFolder.open(exchangeFolder, exchangeBytes);
}

/** A result must fit the memory of the sandbox that reads it. */
function postgresConnections(cdm: CdmGateway) {
  return (id: string, memoryBytes: number) =>
    cdm.serve(id, { resultBytes: Math.floor(memoryBytes / RESULT_PART_OF_MEMORY) });
}
