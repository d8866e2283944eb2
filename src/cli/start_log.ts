/** What the log says when the server starts. */
import type { Config } from "../app/config.ts";
import { databaseName } from "../app/database_name.ts";
import { PRESETS } from "../cdm/disclosure/mod.ts";
import { logger } from "../observability/log.ts";
import { VERSION } from "../version.ts";

const log = logger("serve");

/**
 * Logs the start, and what the operator has decided against the defaults that protect data.
 *
 * @param config The settings.
 * @param image The sandboxes' image.
 */
export function logStart(config: Config, image: string): void {
  log.info("Serving MCP over stdio", startFacts(config, image));
  warnOfDisclosure(config);
}

/** Facts for the operator in the start line; never a secret. */
function startFacts(config: Config, image: string) {
  const { maxSandboxes, poolSize, idleMs, lifetimeMs, cellTimeoutMaxMs, queryMs, memoryBytes, cpus, pids } =
    config;
  return {
    version: VERSION,
    image,
    instance: config.instance,
    database: databaseName(config.database),
    disclosure: config.disclosure === undefined
      ? "open"
      : `aggregate (${config.disclosure.preset}, ${config.disclosure.k})`,
    audit: config.auditFolder ?? "stderr",
    exchange: config.exchangeFolder ?? "none",
    datasets: config.datasets.map(({ name }) => name),
    limits: {
      maxSandboxes,
      poolSize,
      idleMs,
      lifetimeMs,
      cellTimeoutMaxMs,
      queryMs,
      memoryBytes,
      cpus,
      pids,
    },
  };
}

/** What an operator has decided against the default is in each start's log. */
function warnOfDisclosure({ database, disclosure }: Config): void {
  if (disclosure === undefined && (database.kind === "url" || database.kind === "local")) {
    log.warning(
      "OMCP_DISCLOSURE=open: row-level data of the database can reach the model that reads results",
    );
  }
  if (disclosure !== undefined && disclosure.k < PRESETS[disclosure.preset].k) {
    log.warning(
      "OMCP_DISCLOSURE_UNSAFE=min-cell: numbers on {k} persons are released, fewer than {preset} allows",
      {
        k: disclosure.k,
        preset: disclosure.preset,
      },
    );
  }
}
