import type { CdmVersion } from "./notation.ts";
import type { TABLE_DEFINITIONS } from "./tables.ts";

type Definitions = typeof TABLE_DEFINITIONS;
type AnyTable = keyof Definitions;

type Holds<Only, V extends CdmVersion> = Only extends V ? true : false;
type TableHolds<T extends AnyTable, V extends CdmVersion> = Definitions[T] extends
  { readonly only: infer Only } ? Holds<Only, V>
  : true;
type ColumnHolds<N, V extends CdmVersion> = N extends `${string}@${infer Only}` ? Holds<Only, V> : true;

type Required<N, V extends CdmVersion> = N extends `${string}!5.3${string}` ? Holds<"5.3", V>
  : N extends `${string}!5.4${string}` ? Holds<"5.4", V>
  : N extends `${string}!${string}` ? true
  : false;
type Value<N, V extends CdmVersion> =
  | (N extends `integer${string}` ? number : string)
  | (Required<N, V> extends true ? never : null);

/** The names of a version's tables. */
export type CdmTableName<V extends CdmVersion> = {
  [T in AnyTable]: TableHolds<T, V> extends true ? T : never;
}[AnyTable];

/**
 * A row of a table. Integers are numbers; all other values are the text that Postgres sends: identifiers exceed
 * 2^53 in real data, numerics exceed a double's precision, and dates have no time zone.
 */
export type CdmRow<V extends CdmVersion, T extends CdmTableName<V>> = {
  readonly [
    C in keyof Definitions[T]["columns"] as ColumnHolds<Definitions[T]["columns"][C], V> extends true ? C
      : never
  ]: Value<Definitions[T]["columns"][C], V>;
};

/** A version's tables as the type that Kysely takes: `Kysely<CdmDatabase<"5.4">>`. */
export type CdmDatabase<V extends CdmVersion> = { readonly [T in CdmTableName<V>]: CdmRow<V, T> };
