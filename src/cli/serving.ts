/** Wires the modules together: the one place that knows all of them. It is loaded when the first message has been answered. */
import { statementAudit } from "../app/audit.ts";
import { type Config, type ReadVariable, RESULT_PART_OF_MEMORY } from "../app/config.ts";
import { DeferredPlatform } from "../app/deferred_platform.ts";
import { EngineStart } from "../app/engine_start.ts";
import { readableData } from "../app/readable_data.ts";
import { findImage } from "../app/sandbox_images.ts";
import { sandboxPolicy } from "../app/sandbox_policy.ts";
import { toolVariant } from "../app/tool_variant.ts";
import { type CdmGateway, cdmGateway } from "../cdm/gateway.ts";
import { OmcpError } from "../errors.ts";
import type { ExchangeFolder } from "../exchange/mod.ts";
import { imageReference } from "../images/identity.ts";
import { abortable } from "../lib/async/abortable.ts";
import { within } from "../lib/async/deadline.ts";
import { errorMessage } from "../lib/error_message.ts";
import { endOf } from "../mcp/answer_within.ts";
import { CodeCalls } from "../mcp/code_calls/mod.ts";
import { offeredTools } from "../mcp/offered_tools.ts";
import { LOCAL_USER } from "../mcp/principal.ts";
import { createMcpServer, type McpServerOptions } from "../mcp/server.ts";
import type { ServerScope } from "../mcp/server_scope.ts";
import { changingOffer } from "../mcp/tool_offer.ts";
import type { AuditLog } from "../observability/audit.ts";
import { logger } from "../observability/log.ts";
import {
  checkPolicy,
  Packages,
  type PackageSettings,
  type ResourceMaximum,
  SandboxManager,
  scaledPolicy,
} from "../sandbox/mod.ts";
import { logStart } from "./start_log.ts";

const log = logger("serve");

/** How long a call waits for the sandboxes of an earlier server. */
const SETTLED_MS = 15_000;

/** What the settings have led to before anything else is loaded. */
export interface ServeParts {
  readonly config: Config;
  readonly scope: ServerScope;
  readonly read: ReadVariable;
  readonly audit: AuditLog;
  readonly packages: PackageSettings | undefined;
  readonly exchange: ExchangeFolder | undefined;
}

/** A server at work. */
export interface Serving {
  /** Creates the MCP server of a connection. */
  readonly create: () => ReturnType<typeof createMcpServer>;
  /** Resolves, with the reason, when the server cannot go on; rejects if a setting cannot be used on this engine. */
  readonly ended: Promise<string>;
  /** Removes or leaves the sandboxes, and closes everything. */
  close(): Promise<void>;
}

/**
 * Starts to work: what needs the engine or the database is looked for in the background.
 *
 * @param parts See {@link ServeParts}.
 */
export function startServing(parts: ServeParts): Serving {
  const { config, scope, audit, exchange, read } = parts;
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
  const hasOmopTools = scope.toolsets.includes("omop");
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
    ...(hasOmopTools ? { codeCalls: (id) => codeCalls.serve(id) } : {}),
  });
  const offer = changingOffer(
    () => ({
      variant: toolVariant(scope, cdm),
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
  const options: McpServerOptions = { scope, offer, services, principal: LOCAL_USER };
  logStart(config, image);
  let { detach } = config;
  const lost = engine.lost.then((why) => {
    // They are the other server's now.
    detach = true;
    log.error("Another server has taken over this instance: {why}", { why });
    return why;
  });
  return {
    create: () => createMcpServer(options),
    ended: Promise.race([lost, engine.unusable]),
    close: async () => {
      await Promise.allSettled([sandboxes.close({ detach }), packages?.close(), cdm?.close()]);
      // Last, so that the instance's next server finds nothing of this one.
      await engine.close();
    },
  };
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

/** A result must fit the memory of the sandbox that reads it. */
function postgresConnections(cdm: CdmGateway) {
  return (id: string, memoryBytes: number) =>
    cdm.serve(id, { resultBytes: Math.floor(memoryBytes / RESULT_PART_OF_MEMORY) });
}
