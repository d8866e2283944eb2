import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from "kysely";

/** Names are checked at run time, against the CDM's version. */
export type AnyDatabase = Record<string, Record<string, unknown>>;

/** Kysely as a compiler only: its driver does not connect. */
export const COMPILER: Kysely<AnyDatabase> = new Kysely<AnyDatabase>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** A statement of the server's own: SQL with `$1`, `$2`… and the texts to bind. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly string[];
}

/** The longest definition that another may contain: it may contain twenty of them, and a statement has at most 256 KiB. */
const MAX_CONTAINED = 50_000;

/**
 * The size of SQL that is to be held by a name, and contained in other statements.
 *
 * @param builder The SQL.
 * @returns The characters of its text and its values, and how many there may be.
 */
export function heldSize(
  builder: RawBuilder<unknown>,
): { readonly characters: number; readonly most: number } {
  const { sql, parameters } = statement(builder);
  return { characters: [sql, ...parameters].reduce((sum, one) => sum + one.length, 0), most: MAX_CONTAINED };
}

/**
 * Compiles SQL that was written with Kysely's `sql`.
 *
 * @param builder The statement; its values become parameters, as texts.
 * @returns The statement.
 */
export function statement(builder: RawBuilder<unknown>): Statement {
  const { sql, parameters } = builder.compile(COMPILER);
  return { sql, parameters: parameters.map(String) };
}
