/** What a server offers, as a value: the definition of every tool is a function of it. */
import type { CdmVersion } from "../omop/cdm/mod.ts";
import { datasetPath, type PolicySettings } from "../sandbox/mod.ts";
import type { ServerScope } from "./server_scope.ts";

/** Which tools a server offers, and which CDM they are about. */
export interface ToolVariant extends ServerScope {
  /** Has no effect without a database. */
  readonly cdmVersion: CdmVersion;
  /** Whether a database is configured that the server has not found yet: then no definition says that the database is there. */
  readonly databaseAway?: boolean;
}

/** Settings that definitions quote to the model. Times in milliseconds. */
export interface QuotedSettings extends PolicySettings {
  readonly cdmSchema: string;
  /** Folders that every sandbox can read. */
  readonly datasets: readonly { readonly name: string }[];
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly waitMs: number;
  readonly cellTimeoutMs: number;
  readonly cellTimeoutMaxMs: number;
  /** The most that a caller may ask for. Undefined: a sandbox's default. */
  readonly memoryMaxBytes: number | undefined;
  readonly cpusMax: number | undefined;
  /** What may be installed, where the server offers that. */
  readonly packages?: { readonly mode: string; readonly allowed: ReadonlySet<string> };
  /** The default image; undefined: the project's own, whose name a caller has no reason to pass. */
  readonly image: string | undefined;
  /** Further images that a caller may choose. */
  readonly images: readonly string[];
}

/** What {@link databaseSentence} describes. */
export interface DescribedCdm {
  readonly version: CdmVersion;
  readonly schema: string;
  /** Whether the server has not found it yet. */
  readonly away: boolean;
  /** The rules of what may leave it; undefined if rows may. */
  readonly disclosure?: unknown;
}

/**
 * Describes the database to a model.
 *
 * @param cdm The CDM that sandboxes reach; undefined if there is none.
 * @param hasTools Whether the server offers the toolset `omop`.
 * @returns One sentence.
 */
export function databaseSentence(
  cdm: DescribedCdm | undefined,
  hasTools = true,
): string {
  if (cdm === undefined) return "No database is configured.";
  if (cdm.disclosure !== undefined) {
    if (!hasTools) return "No code in a sandbox reaches the OMOP CDM, and this server offers no tool for it.";
    return `No code in a sandbox reaches the OMOP CDM: query_omop, analyze_cohort and omcp.query answer with numbers on groups of persons; both tools can leave them in a sandbox.`;
  }
  if (cdm.away) {
    return `The server has not found the CDM yet: psycopg.connect() with no arguments tries again${
      hasTools ? "; so does query_omop, which says why it fails" : ""
    }.`;
  }
  return `An OMOP CDM ${cdm.version} is in schema ${cdm.schema}: psycopg.connect() with no arguments reaches it, read-only${
    hasTools ? "; query_omop runs typed queries" : ""
  }.`;
}

/**
 * Finds the CDM of a variant.
 *
 * @param variant What the server offers.
 * @param settings Where the schema is.
 * @returns Version and schema; undefined if no database is configured.
 */
export function variantCdm(
  variant: ToolVariant,
  { cdmSchema: schema }: QuotedSettings,
): DescribedCdm | undefined {
  const { cdmVersion: version, databaseAway: away = false, disclosure } = variant;
  if (!(variant.hasDatabase ?? variant.toolsets.includes("omop"))) return undefined;
  return { version, schema, away, ...(disclosure === "open" ? {} : { disclosure }) };
}

/**
 * Describes the datasets to a model.
 *
 * @param datasets Their names.
 * @returns A sentence with a space after it; empty if there are none.
 */
export function datasetSentence(datasets: QuotedSettings["datasets"]): string {
  const [first] = datasets;
  if (first === undefined) return "";
  const paths = datasets.map(({ name }) => datasetPath(name)).join(", ");
  return `Read-only data: ${paths}; DuckDB reads files there, as in duckdb.sql("from '${
    datasetPath(first.name)
  }/*.parquet'"). `;
}
