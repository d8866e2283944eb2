/**
 * The compact notation of the CDM's tables, and its parser. The facts are those of the public OHDSI
 * specification (OMOP_CDMv5.x_Field_Level.csv). Both versions share one definition, because they differ in
 * about forty columns only.
 */

/** A version of the OMOP Common Data Model that this program knows. */
export type CdmVersion = "5.3" | "5.4";

/** All known versions, oldest first. */
export const CDM_VERSIONS = ["5.3", "5.4"] as const satisfies readonly CdmVersion[];

/** The version that is assumed for a CDM that does not name its own. */
export const DEFAULT_CDM_VERSION: CdmVersion = "5.4";

/**
 * Finds the version in a CDM's text about itself.
 *
 * @param text Such as `cdm_source.cdm_version`: `CDM v5.3.1`, `5.4`.
 * @returns The version, or undefined if the text does not name a known version.
 */
export function cdmVersionIn(text: string): CdmVersion | undefined {
  const numbers = text.match(/\d+\.\d+/g) ?? [];
  return numbers.flatMap((found) => CDM_VERSIONS.filter((version) => version === found))[0];
}

/** The subject of a table. */
export type CdmGroup =
  | "clinical"
  | "health_system"
  | "economics"
  | "derived"
  | "metadata"
  | "results"
  | "vocabulary";

/**
 * The type of a column, normalised: `float` of the specification is `numeric`, `datetime` is `timestamp`,
 * `varchar(MAX)` is `text`.
 *
 * The specification's `integer` is `bigint` for every identifier (`…_id`, `…_id_1`): sites use hashes and
 * concatenated keys above 2^31, some above 2^53, and a wider column costs little. Counts, years and days stay
 * `integer`.
 */
export type CdmType = "integer" | "bigint" | "numeric" | "date" | "timestamp" | "varchar" | "text";

/**
 * Whether a column of a type holds text.
 *
 * @param type The type.
 */
export function isTextType(type: CdmType): type is "varchar" | "text" {
  return type === "varchar" || type === "text";
}

/**
 * Whether a column of this name holds concepts: `concept_id`, `…_concept_id` or `…_concept_id_1`.
 *
 * @param name The name, in lower case.
 */
export function isConceptColumn(name: string): boolean {
  return /concept_id(?:_\d)?$/.test(name);
}

/** A column of a table in one version. */
export interface CdmColumn {
  readonly name: string;
  readonly type: CdmType;
  /** The maximum of characters; only for `varchar`. */
  readonly length?: number;
  /** NOT NULL. */
  readonly required: boolean;
  readonly primaryKey: boolean;
  /** The foreign key, where the version's specification has one. */
  readonly references?: { readonly table: string; readonly column: string };
  readonly description?: string;
}

/** A table in one version, with its columns in the specification's order. */
export interface CdmTable {
  readonly name: string;
  readonly group: CdmGroup;
  readonly description: string;
  readonly columns: readonly CdmColumn[];
}

/**
 * A table's definition for both versions.
 *
 * A column is a string: `type[!][ pk][ ->table][ @version]`. `!` is NOT NULL (`!5.4`: in that version only),
 * `->t` refers to `t.t_id` (`->t|5.4`: in that version only), `@5.3` says the column exists in that version
 * only, `varchar(50|255)` is 50 long in 5.3 and 255 in 5.4.
 */
export interface TableDefinition {
  readonly group: CdmGroup;
  /** The only version that has the table; absent if both have it. */
  readonly only?: CdmVersion;
  readonly description: string;
  readonly columns: Readonly<Record<string, string>>;
}

const NOTATION =
  /^(?<type>[a-z]+)(?:\((?<old>\d+)(?:\|(?<recent>\d+))?\))?(?:(?<required>!)(?<requiredIn>5\.\d)?)?(?<key> pk)?(?: ->(?<target>[a-z_]+)(?:\|(?<targetIn>5\.\d))?)?(?: @(?<only>5\.\d))?$/;

const TYPES: ReadonlyMap<string, CdmType> = new Map<string, CdmType>([
  ["integer", "integer"],
  ["bigint", "bigint"],
  ["numeric", "numeric"],
  ["date", "date"],
  ["timestamp", "timestamp"],
  ["varchar", "varchar"],
  ["text", "text"],
]);

/**
 * Parses a column's notation for one version.
 *
 * @param name The column's name.
 * @param notation The notation, see {@link TableDefinition}.
 * @param version The version.
 * @returns The column, or undefined if the version does not have it.
 * @throws {TypeError} If the notation is malformed: a defect of the tables in this folder.
 */
export function readColumn(name: string, notation: string, version: CdmVersion): CdmColumn | undefined {
  const parts = NOTATION.exec(notation)?.groups;
  const type = TYPES.get(parts?.["type"] ?? "");
  if (parts === undefined || type === undefined) {
    throw new TypeError(`Cannot read the notation of column ${name}; received ${JSON.stringify(notation)}`);
  }
  if (!holdsIn(parts["only"], version)) return undefined;
  const length = version === "5.3" ? parts["old"] : parts["recent"] ?? parts["old"];
  const target = holdsIn(parts["targetIn"], version) ? parts["target"] : undefined;
  return {
    name,
    type,
    ...(length === undefined ? {} : { length: Number(length) }),
    required: parts["required"] !== undefined && holdsIn(parts["requiredIn"], version),
    primaryKey: parts["key"] !== undefined,
    ...(target === undefined ? {} : { references: { table: target, column: `${target}_id` } }),
  };
}

function holdsIn(only: string | undefined, version: CdmVersion): boolean {
  return only === undefined || only === version;
}
