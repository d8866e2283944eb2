/** Wires the modules together: the one place that knows all of them. */
import { parseArgs } from "node:util";
import { DEFAULT_CDM_VERSION } from "../omop/cdm/mod.ts";
import { openAudit, statementAudit } from "../app/audit.ts";
import {
  type Config,
  readConfig,
  readLogLevel,
  type ReadVariable,
  RESULT_PART_OF_MEMORY,
} from "../app/config.ts";
import { PROCESS_ENVIRONMENT, unknownVariables } from "../app/unknown_variables.ts";
import type { Command } from "./command.ts";
import { connectEngine } from "./connect_engine.ts";
import type { Engine } from "../docker/mod.ts";
import type { ContainerPlatform } from "../runtime/mod.ts";
import { DockerRuntime } from "../runtime/docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { ExchangeFolder } from "../exchange/mod.ts";
import { linkedFolderProblem } from "../app/datasets.ts";
import { acquireInstance, type HeldInstance } from "../app/instance.ts";
import type { AuditLog } from "../observability/audit.ts";
import { logger, logStep, startLogging } from "../observability/log.ts";
import { startStdio } from "../mcp/transports/stdio.ts";
import { offeredTools } from "../mcp/offered_tools.ts";
import { LOCAL_USER } from "../mcp/principal.ts";
import type { ToolVariant } from "../mcp/variant.ts";
import { type CdmGateway, openCdmGateway } from "../cdm/gateway.ts";
import {
  checkDatasets,
  checkPolicy,
  Packages,
  type PackageSettings,
  type ResourceMaximum,
  SandboxManager,
  type SandboxPolicy,
  scaledPolicy,
} from "../sandbox/mod.ts";
import { packageSettings } from "../app/package_settings.ts";
import { sandboxPolicy } from "../app/sandbox_policy.ts";
import { requirePermissions } from "../app/permissions.ts";
import { resourceMaximum } from "../app/resource_maximum.ts";
import { findImage, isPinned } from "../app/sandbox_images.ts";
import { imageReference } from "../images/identity.ts";
import { databaseName } from "../app/database_name.ts";
import { VERSION } from "../version.ts";

const log = logger("serve");

/** Deadline of the shutdown; after it the process exits without waiting. */
const SHUTDOWN_DEADLINE_MS = 5000;

/** SIGHUP: the terminal was closed. */
const SHUTDOWN_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** `omcp serve`. */
export const command: Command = {
  usage: [["[serve]", "serve MCP over stdio"]],
  async run({ args, read }) {
    parseArgs({ args: [...args] });
    await startLogging(logLevelOrInfo(read));
    // First, because a wrong setting must not hide a misspelt one.
    for (const sentence of unknownVariables(PROCESS_ENVIRONMENT)) log.warning("{sentence}", { sentence });
    return await serve(readConfig(read), read);
  },
};

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
 * @throws {OmcpError} Where it cannot start: `engine_unreachable`, `image_missing`, `instance_in_use`, `database_unsafe_role`…
 */
export async function serve(config: Config, read: ReadVariable): Promise<number> {
  requirePermissions(config);
  const packages = await packageSettings(config.packages, read, imageReference("python"));
  const audit = openAudit(config);
  // Before the first container is created: a signal during the start must not leave one.
  const stop = shutdownSignal();
  try {
    return await serveUntilEnd(await start({ config, audit, packages }), stop.promise);
  } finally {
    audit.close();
    stop.dispose();
  }
}

async function start({ config, audit, packages }: StartParts): Promise<Parts> {
  const policy = sandboxPolicy(config);
  checkPolicy(policy);
  const exchange = await openExchange(config);
  const engine = await connectEngine(config.dockerHost);
  const runtime = new DockerRuntime(engine);
  const maximum = resourceMaximum(config, await runtime.resources());
  const image = config.image ?? imageReference("python");
  const found = await logStep(log, "Check the images", async () => {
    const id = await findImage(runtime, image);
    for (const name of config.images) await warnOfMissing(runtime, name);
    if (config.database.kind === "sample" || config.database.kind === "local") {
      await findImage(runtime, imageReference("postgres"));
    }
    // The engine does not know an image that was built here by its id after a name.
    return isPinned(image) ? id : image;
  });
  const instance = await acquireInstance(config, runtime, found);
  let cdm: CdmGateway | undefined;
  try {
    for (
      const line of await checkDatasets({
        runtime,
        instance: config.instance,
        image: found,
        policy,
        unfit: linkedFolderProblem(config),
      })
    ) {
      log.info("{line}", { line });
    }
    cdm = await openCdmGateway(config, runtime, statementAudit(audit, LOCAL_USER.id));
  } catch (error) {
    await instance.close();
    throw error;
  }
  return { config, engine, runtime, image, policy, maximum, instance, exchange, cdm, audit, packages };
}

interface StartParts {
  readonly config: Config;
  readonly audit: AuditLog;
  readonly packages: PackageSettings | undefined;
}

interface Parts extends StartParts {
  readonly engine: Engine;
  readonly runtime: ContainerPlatform;
  readonly image: string;
  readonly policy: SandboxPolicy;
  readonly maximum: ResourceMaximum;
  readonly instance: HeldInstance;
  readonly exchange: ExchangeFolder | undefined;
  readonly cdm: CdmGateway | undefined;
}

async function serveUntilEnd(parts: Parts, stop: Promise<string>): Promise<number> {
  const { config, engine, runtime, image, policy, maximum, instance, exchange, cdm, audit } = parts;
  const packages = parts.packages && new Packages({
    ...parts.packages,
    runtime,
    instance: config.instance,
    workspaceBytes: scaledPolicy(policy, maximum.memoryBytes).workspace.bytes,
  });
  const sandboxes = new SandboxManager({
    runtime,
    instance: config.instance,
    image,
    policy,
    maximum,
    images: config.images,
    // The name of an unpinned default is enough: its image was found at the start, and may be built again since.
    findImage: (name, signal) =>
      name === image && !isPinned(name) ? Promise.resolve(name) : findImage(runtime, name, signal),
    maxSandboxes: config.maxSandboxes,
    evictUnusedMs: config.evictUnusedMs,
    idleMs: config.idleMs,
    lifetimeMs: config.lifetimeMs,
    leaseSeconds: config.leaseSeconds,
    packages: packages !== undefined,
    ...(cdm === undefined ? {} : { postgresConnections: postgresConnections(cdm) }),
  });
  const stdio = startStdio({
    tools: offeredTools(toolVariant(cdm, packages !== undefined, exchange), {
      ...config,
      memoryMaxBytes: maximum.memoryBytes,
      cpusMax: maximum.cpus,
    }),
    services: { sandboxes, cdm, packages, exchange, limits: config, audit },
    principal: LOCAL_USER,
  });
  log.info("Serving MCP over stdio", startFacts({ config, engine, image }));
  const lost = instance.lost.then((why) => {
    log.error("Another server has taken over this instance: {why}", { why });
    return why;
  });
  const reason = await Promise.race([stop, stdio.ended, lost]);
  log.info("Shutting down: {reason}", { reason });
  const forced = setTimeout(() => Deno.exit(1), SHUTDOWN_DEADLINE_MS);
  await Promise.allSettled([sandboxes.close(), packages?.close(), cdm?.close(), stdio.close()]);
  // Last, so that the instance's next server finds nothing of this one.
  await instance.close();
  clearTimeout(forced);
  return 0;
}

/** Facts for the operator in the start line; never a secret. */
function startFacts({ config, engine, image }: Pick<Parts, "config" | "engine" | "image">) {
  const { maxSandboxes, idleMs, lifetimeMs, cellTimeoutMaxMs, queryMs, memoryBytes, cpus, pids } = config;
  return {
    version: VERSION,
    image,
    engineApi: engine.apiVersion,
    instance: config.instance,
    database: databaseName(config.database),
    audit: config.auditFile ?? "stderr",
    exchange: config.exchangeFolder ?? "none",
    datasets: config.datasets.map(({ name }) => name),
    limits: { maxSandboxes, idleMs, lifetimeMs, cellTimeoutMaxMs, queryMs, memoryBytes, cpus, pids },
  };
}

/**
 * Which tools a server with this database offers.
 *
 * @param cdm The database; undefined where none is configured.
 * @param packages Whether packages may be installed.
 * @param exchange The exchange folder; undefined where none is configured.
 */
export function toolVariant(
  cdm: CdmGateway | undefined,
  packages: boolean,
  exchange?: ExchangeFolder,
): ToolVariant {
  return {
    cdmVersion: cdm?.version ?? DEFAULT_CDM_VERSION,
    disclosure: "open",
    databaseAway: cdm?.away ?? false,
    toolsets: [
      "sandbox",
      "files",
      ...(exchange === undefined ? [] : ["exchange"] as const),
      ...(cdm === undefined ? [] : ["omop"] as const),
      ...(packages ? ["packages"] as const : []),
    ],
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

/** Only calls that choose the image need it. */
async function warnOfMissing(runtime: ContainerPlatform, image: string): Promise<void> {
  try {
    await findImage(runtime, image);
  } catch (error) {
    if (!(error instanceof OmcpError && error.code === "image_missing")) throw error;
    log.warning("An image of OMCP_IMAGES cannot be used: {reason}", { reason: error.message });
  }
}

/** Resolves at the first of {@link SHUTDOWN_SIGNALS}; a second one ends the process at once. */
function shutdownSignal(): { promise: Promise<string>; dispose: () => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  let forced: ReturnType<typeof setTimeout> | undefined;
  function onSignal(): void {
    if (forced !== undefined) Deno.exit(1);
    forced = setTimeout(() => Deno.exit(1), SHUTDOWN_DEADLINE_MS);
    resolve("a signal arrived");
  }
  for (const name of SHUTDOWN_SIGNALS) Deno.addSignalListener(name, onSignal);
  function dispose(): void {
    clearTimeout(forced);
    for (const name of SHUTDOWN_SIGNALS) Deno.removeSignalListener(name, onSignal);
  }
  return { promise, dispose };
}
