/** The configured CDM as the rest of the server sees it: wires a database of whichever kind to the connections of sandboxes. */
import { ownCommand } from "../lib/own_command.ts";
import * as z from "zod";
import type { ByteStream } from "../lib/byte_stream.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { cdmTables, type CdmVersion } from "../omop/cdm/mod.ts";
import {
  type Audit,
  type Auditing,
  Database,
  localUpstream,
  type RoleReport,
  urlUpstream,
} from "../postgres/mod.ts";
import { LocalDatabase } from "../postgres/local/container.ts";
import type { ContainerPlatform, VolumeStore } from "../runtime/mod.ts";
import { imageReference } from "../images/identity.ts";
import type { CdmSettings } from "./settings.ts";
import { databaseProcessors } from "../postgres/local/processors.ts";

const log = logger("postgres");

/** How long a start waits for a database by URL before it goes on without it. */
const FIRST_LOOK_MS = 10_000;

/** Label of an engine volume: the version of the CDM in it. */
export const LABEL_CDM_VERSION = "org.omcp.cdm.version";
const versionSchema = z.enum(["5.3", "5.4"]);

/** Where statements are audited. */
export interface StatementAudit extends Auditing {
  /** Takes an entry for each statement, refused or not; must not throw. */
  readonly record: Audit;
}

/** The CDM of a server. */
export interface CdmGateway {
  readonly version: CdmVersion;
  readonly schema: string;
  /** Makes the connections of one sandbox. */
  serve(sandboxId: string): (stream: ByteStream) => void;
  /** Looks at the database, unless that has been done; throws what is wrong with it. */
  ready(signal: AbortSignal): Promise<void>;
  /** Looks at the database and says in a sentence what it found; throws what is wrong with it. */
  describe(): Promise<string>;
  close(): Promise<void>;
}

/**
 * The engine volume of a local CDM.
 *
 * @param name The NAME of `local:NAME`.
 */
export function volumeName(name: string): string {
  return `omcp-cdm-${name}`;
}

/**
 * Opens the configured database. A local one starts on first need; one by URL is looked at now.
 *
 * @param config The settings.
 * @param runtime Where local databases run.
 * @param audit Where the statements of sandboxes are audited.
 * @returns The gateway, or undefined where no database is configured.
 * @throws {OmcpError} `database_unsafe_role`, `cdm_invalid`, `config_invalid`. A database that is away is no error: sandboxes work without it.
 */
export async function openCdmGateway(
  config: CdmSettings,
  runtime: ContainerPlatform,
  audit: StatementAudit,
): Promise<CdmGateway | undefined> {
  const { database: location } = config;
  if (location.kind === "none") return undefined;
  if (location.kind === "url") {
    const database = databaseOf(config, urlUpstream(location.url), audit);
    const version = await firstLook(database);
    return gatewayOf(config, { database, version, close: () => database.close() });
  }
  const volume = location.kind === "local" ? volumeName(location.name) : undefined;
  const version = volume === undefined ? "5.4" : await localVersion(runtime, volume);
  const local = new LocalDatabase({
    runtime,
    instance: config.instance,
    image: imageReference("postgres"),
    data: volume === undefined ? { kind: "sample" } : { kind: "volume", volume },
    leaseSeconds: config.leaseSeconds,
    cpus: databaseProcessors(await runtime.resources()),
  });
  const database = databaseOf(config, localUpstream((signal) => local.open(signal)), audit);
  async function close(): Promise<void> {
    await database.close();
    await local.close();
  }
  return gatewayOf(config, { database, version, close });
}

interface GatewayParts {
  readonly database: Database;
  readonly version: CdmVersion;
  readonly close: () => Promise<void>;
}

function gatewayOf(config: CdmSettings, { database, version, close }: GatewayParts): CdmGateway {
  return {
    version,
    schema: config.cdmSchema,
    serve: (sandboxId) => database.serve(sandboxId),
    ready: async (signal) => {
      await database.ready(signal);
    },
    describe: async () => {
      const cdm = await database.ready();
      return `CDM ${version} in schema ${config.cdmSchema}, ${cdm.relations.size} tables`;
    },
    close,
  };
}

function databaseOf(
  config: CdmSettings,
  upstream: ConstructorParameters<typeof Database>[0]["upstream"],
  audit: StatementAudit,
): Database {
  return new Database({
    upstream,
    cdmSchema: config.cdmSchema,
    cdmRelations: new Set([...cdmTables("5.3"), ...cdmTables("5.4")].map(({ name }) => name)),
    limits: {
      connectionsPerSandbox: config.queryConnections,
      statementMs: config.queryMs,
      resultBytes: config.queryResultBytes,
      maxCost: config.maxCost,
    },
    audit: audit.record,
    auditing: audit,
    onRoleReport: reportRole,
    ...(config.unsafeRole === undefined ? {} : { allowUnsafeRole: config.unsafeRole }),
  });
}

function reportRole(report: RoleReport): void {
  for (const { message } of report.problems) log.warning("Database role: {message}", { message });
}

async function firstLook(database: Database): Promise<CdmVersion> {
  try {
    const { version } = await database.ready(AbortSignal.timeout(FIRST_LOOK_MS));
    if (version === undefined) log.warning("The CDM does not tell its version: it is taken for 5.4");
    return version ?? "5.4";
  } catch (error) {
    if (!(error instanceof OmcpError) || !error.retryable) {
      await database.close();
      throw error;
    }
    log.warning("Serving without the database for now: {error}", { error: error.message });
    return "5.4";
  }
}

async function localVersion(volumes: VolumeStore, volume: string): Promise<CdmVersion> {
  const found = await volumes.inspectVolume(volume);
  const version = versionSchema.safeParse(found?.labels[LABEL_CDM_VERSION]);
  if (found !== undefined && version.success) return version.data;
  throw new OmcpError("cdm_invalid", `There is no local CDM ${volume.replace("omcp-cdm-", "")}`, {
    next: `Make it with \`${ownCommand("cdm load DIR --into local:NAME")}\`, or with \`${
      ownCommand("cdm sample --into local:NAME")
    }\`.`,
  });
}
