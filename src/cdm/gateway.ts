/** The configured CDM as the rest of the server sees it: connects a database of any kind to sandboxes. */
import { counted } from "../lib/counted.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { OmcpError } from "../errors.ts";
import type { SqlScope } from "../lib/sql_outline.ts";
import { logger } from "../observability/log.ts";
import { allTableNames, type CdmVersion, cdmVersionIn, DEFAULT_CDM_VERSION } from "../omop/cdm/mod.ts";
import { CdmAnalyses, DisclosedAnalyses } from "./analyses/mod.ts";
import { CdmCohorts } from "./cohorts/mod.ts";
import { CdmConcepts } from "./concepts/mod.ts";
import { CdmDescription } from "./description/description.ts";
import { LocalCdm } from "./local_cdm.ts";
import {
  type Audit,
  type Auditing,
  type CdmCatalog,
  Database,
  localUpstream,
  parseDatabaseUrl,
  type RoleReport,
  serverName,
  urlUpstream,
} from "../postgres/mod.ts";
import type { ContainerPlatform } from "../runtime/mod.ts";
import { type CdmLoad, Disclosure, LedgerFile, memoryLedgers, shownCounts } from "./disclosure/mod.ts";
import type { CdmSettings } from "./settings.ts";

const log = logger("postgres");

/** How long a call waits for a database given by URL whose version it needs. */
const LOOK_MS = 10_000;

/** Where statements are audited. */
export interface StatementAudit extends Auditing {
  /** Takes an entry for each statement, refused or not; must not throw. */
  readonly record: Audit;
}

/** The CDM of a server. */
export interface CdmGateway {
  /** The version that was found; the default one until then. */
  readonly version: CdmVersion;
  readonly schema: string;
  /** The CDM's concepts. */
  readonly concepts: CdmConcepts;
  /** The cohorts that callers have defined. */
  readonly cohorts: CdmCohorts;
  /** What the database holds. */
  readonly description: CdmDescription;
  /** Computes statistics of them. */
  readonly analyses: CdmAnalyses;
  /** Whether {@link look} has not succeeded yet. */
  readonly away: boolean;
  /** Decides which aggregates may leave the database; undefined if rows may leave it. */
  readonly disclosure: Disclosure | undefined;
  /** Analyses whose numbers may leave the database; undefined if rows may leave it. */
  readonly disclosedAnalyses: DisclosedAnalyses | undefined;
  /** Serves the connections of one sandbox. @param least Limits of its own, if they are lower than the gateway's. */
  serve(sandboxId: string, least?: { readonly resultBytes: number }): (stream: ByteStream) => void;
  /** Finds the CDM's version unless it has been found, without starting a local database; throws an error that says why it cannot. */
  look(signal?: AbortSignal): Promise<void>;
  /** Checks the database unless it has been checked; throws an error that says what is wrong with it. */
  ready(signal: AbortSignal): Promise<void>;
  /** Outlines a statement of an owner's; undefined if that cannot be done in time. See {@link Database.outline}. */
  outline(sql: string, owner: string, signal: AbortSignal): Promise<readonly SqlScope[] | undefined>;
  /** Describes the CDM in a phrase, after the same check. */
  describe(): Promise<string>;
  close(): Promise<void>;
}

/**
 * Makes a gateway to the configured database. It reaches nothing before {@link CdmGateway.look}, {@link CdmGateway.ready} or a sandbox's
 * connection; a local database starts at its first use.
 *
 * @param config The settings.
 * @param runtime Where local databases run.
 * @param audit Where the statements of sandboxes are audited.
 * @returns The gateway, or undefined if no database is configured.
 * @throws {OmcpError} `config_invalid` for a URL, or a folder of the ledger, that cannot be used.
 */
export function cdmGateway(
  config: CdmSettings,
  runtime: ContainerPlatform,
  audit: StatementAudit,
): CdmGateway | undefined {
  const { database: location } = config;
  if (location.kind === "none") return undefined;
  if (location.kind === "url") {
    const database = databaseOf(config, urlUpstream(location.url), audit);
    const version = versionOf(database);
    return gatewayOf(config, {
      database,
      version,
      load: () => ({ name: urlName(config.cdmSchema, location.url), load: "" }),
      look: async (signal) => {
        if (database.cdm === undefined) await database.ready(patience(signal));
      },
      close: () => database.close(),
    });
  }
  const local = new LocalCdm(config, runtime, location);
  const database = databaseOf(config, localUpstream((signal) => local.open(signal)), audit);
  return gatewayOf(config, {
    database,
    version: () => local.version,
    load: () => ({ name: location.kind === "local" ? `local:${location.name}` : "sample", load: local.load }),
    look: (signal) => local.look(signal),
    close: async () => {
      await database.close();
      await local.close();
    },
  });
}

/**
 * Opens the configured database, and looks for its CDM.
 *
 * @param config The settings.
 * @param runtime Where local databases run.
 * @param audit Where the statements of sandboxes are audited.
 * @returns The gateway, or undefined if no database is configured.
 * @throws {OmcpError} What {@link CdmGateway.look} throws, unless the database may respond later.
 */
export async function openCdmGateway(
  config: CdmSettings,
  runtime: ContainerPlatform,
  audit: StatementAudit,
): Promise<CdmGateway | undefined> {
  const gateway = cdmGateway(config, runtime, audit);
  try {
    await gateway?.look();
  } catch (error) {
    if (!(error instanceof OmcpError) || !error.retryable) {
      await gateway?.close();
      throw error;
    }
  }
  return gateway;
}

interface GatewayParts {
  readonly database: Database;
  /** Undefined until it is found. */
  readonly version: () => CdmVersion | undefined;
  readonly load: () => CdmLoad;
  readonly look: (signal?: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}

function gatewayOf(config: CdmSettings, { database, version, load, look, close }: GatewayParts): CdmGateway {
  const source = {
    schema: config.cdmSchema,
    get version() {
      return version() ?? DEFAULT_CDM_VERSION;
    },
    get relations() {
      return database.cdm?.relations ?? new Set();
    },
    get load() {
      return load();
    },
    reader: (signal: AbortSignal) => database.reader(signal),
  };
  const { disclosure: rules, ledgerFolder } = config;
  const ledgers = rules && (ledgerFolder === undefined ? memoryLedgers() : new LedgerFile(ledgerFolder));
  const disclosure = rules && ledgers && new Disclosure(source, rules, ledgers);
  const concepts = new CdmConcepts(source, rules && shownCounts(rules));
  return {
    get version() {
      return version() ?? DEFAULT_CDM_VERSION;
    },
    schema: config.cdmSchema,
    concepts,
    cohorts: new CdmCohorts(source),
    description: new CdmDescription(source),
    analyses: new CdmAnalyses(source),
    disclosure,
    disclosedAnalyses: disclosure && new DisclosedAnalyses(source, disclosure),
    get away() {
      return version() === undefined;
    },
    serve: (sandboxId, least) => database.serve(sandboxId, least),
    look,
    ready: async (signal) => {
      await database.ready(signal);
    },
    outline: (sql, owner, signal) => database.outline(sql, owner, signal),
    describe: async () => {
      const cdm = await database.ready();
      return `CDM ${version() ?? DEFAULT_CDM_VERSION} in schema ${config.cdmSchema}, ${
        counted(cdm.relations.size, "table")
      }`;
    },
    close: async () => {
      await concepts.close();
      await close();
      ledgers?.close();
    },
  };
}

/** Names a database without its user and password. The load is empty: nothing in such a database shows when its CDM was loaded. */
function urlName(schema: string, url: string): string {
  const address = parseDatabaseUrl(url);
  return `${serverName(address)}/${address.database}/${schema}`;
}

/** A database that does not respond must not hold a call for as long as its check may take. */
function patience(signal: AbortSignal | undefined): AbortSignal {
  const late = AbortSignal.timeout(LOOK_MS);
  return signal === undefined ? late : AbortSignal.any([signal, late]);
}

/** The version of a database given by URL, as its catalog shows it; undefined until it has been checked. */
function versionOf(database: Database): () => CdmVersion | undefined {
  let warned = false;
  return () => {
    if (database.cdm === undefined) return undefined;
    const version = catalogVersion(database.cdm);
    if (version === undefined && !warned) {
      warned = true;
      log.warning("CDM version not found; assuming {version}", { version: DEFAULT_CDM_VERSION });
    }
    return version ?? DEFAULT_CDM_VERSION;
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
    cdmRelations: allTableNames(),
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
