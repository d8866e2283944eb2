/** The configured CDM as the rest of the server sees it: connects a database of any kind to sandboxes. */
import { counted } from "../lib/counted.ts";
import { ownCommand } from "../lib/own_command.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import {
  CDM_VERSIONS,
  cdmTables,
  type CdmVersion,
  cdmVersionIn,
  cdmVersionSchema,
  DEFAULT_CDM_VERSION,
} from "../omop/cdm/mod.ts";
import { volumeName } from "./local_name.ts";
import {
  type Audit,
  type Auditing,
  type CdmCatalog,
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

/** How long the start waits for a database given by URL before it continues without it. */
const FIRST_CHECK_MS = 10_000;

/** Label of an engine volume: the version of the CDM in it. */
export const LABEL_CDM_VERSION = "org.omcp.cdm.version";

/** Where statements are audited. */
export interface StatementAudit extends Auditing {
  /** Takes an entry for each statement, refused or not; must not throw. */
  readonly record: Audit;
}

/** The CDM of a server. */
export interface CdmGateway {
  readonly version: CdmVersion;
  readonly schema: string;
  /** Whether a database given by URL has not responded yet; false for a local one, which starts at its first use. */
  readonly away: boolean;
  /** Serves the connections of one sandbox. @param least Limits of its own, where they are lower than the gateway's. */
  serve(sandboxId: string, least?: { readonly resultBytes: number }): (stream: ByteStream) => void;
  /** Checks the database unless it has been checked; throws an error that says what is wrong with it. */
  ready(signal: AbortSignal): Promise<void>;
  /** Describes the CDM in a phrase, after the same check. */
  describe(): Promise<string>;
  close(): Promise<void>;
}

/**
 * Opens the configured database. A local one starts at its first use; one given by URL is checked now.
 *
 * @param config The settings.
 * @param runtime Where local databases run.
 * @param audit Where the statements of sandboxes are audited.
 * @returns The gateway, or undefined where no database is configured.
 * @throws {OmcpError} `database_unsafe_role`, `cdm_invalid`, `config_invalid`. Not for a database that does not respond: sandboxes work without it.
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
    const version = await firstCheck(database);
    return gatewayOf(config, { database, version, close: () => database.close() });
  }
  const version = location.kind === "local"
    ? await localVersion(runtime, location.name)
    : DEFAULT_CDM_VERSION;
  const local = new LocalDatabase({
    runtime,
    instance: config.instance,
    image: imageReference("postgres"),
    data: location.kind === "local"
      ? { kind: "volume", volume: volumeName(location.name), name: location.name }
      : { kind: "sample" },
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
    get away() {
      return config.database.kind === "url" && database.cdm === undefined;
    },
    serve: (sandboxId, least) => database.serve(sandboxId, least),
    ready: async (signal) => {
      await database.ready(signal);
    },
    describe: async () => {
      const cdm = await database.ready();
      return `CDM ${version} in schema ${config.cdmSchema}, ${counted(cdm.relations.size, "table")}`;
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
    cdmRelations: new Set(CDM_VERSIONS.flatMap((each) => cdmTables(each).map(({ name }) => name))),
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

async function firstCheck(database: Database): Promise<CdmVersion> {
  try {
    const version = catalogVersion(await database.ready(AbortSignal.timeout(FIRST_CHECK_MS)));
    if (version !== undefined) return version;
    log.warning("CDM version not found; assuming {version}", { version: DEFAULT_CDM_VERSION });
    return DEFAULT_CDM_VERSION;
  } catch (error) {
    if (!(error instanceof OmcpError) || !error.retryable) {
      await database.close();
      throw error;
    }
    log.warning("Serving without the database for now: {error}", { error: error.message });
    return DEFAULT_CDM_VERSION;
  }
}

/**
 * The version of a CDM in a database: the one that `cdm_source` names, else the only one that has a table of the schema.
 *
 * @param catalog What the schema holds.
 * @returns The version, or undefined if neither shows it.
 */
export function catalogVersion(
  { versionText, relations }: Pick<CdmCatalog, "versionText" | "relations">,
): CdmVersion | undefined {
  const named = cdmVersionIn(versionText ?? "");
  if (named !== undefined) return named;
  if (relations.has("episode")) return "5.4";
  return relations.has("attribute_definition") ? "5.3" : undefined;
}

async function localVersion(volumes: VolumeStore, name: string): Promise<CdmVersion> {
  const found = await volumes.inspectVolume(volumeName(name));
  const version = cdmVersionSchema.safeParse(found?.labels[LABEL_CDM_VERSION]);
  if (found !== undefined && version.success) return version.data;
  throw new OmcpError("cdm_invalid", `There is no local CDM ${name}`, {
    next: `Create it with \`${ownCommand("cdm load DIR --into local:NAME")}\`, or with \`${
      ownCommand("cdm sample --into local:NAME")
    }\`.`,
  });
}
