/** The options of `omcp cdm load` that say how to read files. */
import { type ByTable, FILE_FORMATS, type FileFormat, type FolderOptions } from "../cdm/load/mod.ts";
import { allTableNames } from "../omop/cdm/mod.ts";
import { closestNames } from "../lib/closest_names.ts";
import { wrongCall } from "./cdm_usage.ts";

/** The values of `FILE_OPTIONS`. */
export interface FileValues {
  readonly format?: readonly string[] | undefined;
  readonly null?: readonly string[] | undefined;
  readonly truncate?: boolean | undefined;
}

/**
 * Reads the options.
 *
 * @param values What the user passed.
 * @throws {OmcpError} `invalid_argument` for an unknown format or table.
 */
export function fileOptions(values: FileValues): Pick<FolderOptions, "formats" | "nullWords" | "truncate"> {
  return {
    formats: byTable("format", values.format ?? [], formatOf),
    nullWords: byTable("null", values.null ?? [], (word) => word),
    truncate: values.truncate === true,
  };
}

function formatOf(text: string): FileFormat {
  const format = FILE_FORMATS.find((each) => each === text);
  if (format === undefined) {
    throw wrongCall("--format must be csv, unquoted or copy, or TABLE= and one of them");
  }
  return format;
}

/** Reads `VALUE` for all tables and `TABLE=VALUE` for one. */
function byTable<T>(option: string, texts: readonly string[], read: (text: string) => T): ByTable<T> {
  const known = allTableNames();
  const tables = new Map<string, T>();
  const others: T[] = [];
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 0) {
      others.push(read(text));
      continue;
    }
    const table = text.slice(0, at).toLowerCase();
    if (!known.has(table)) {
      const close = closestNames(table, known);
      const names = close.length > 0
        ? `did you mean ${close.join(" or ")}?`
        : `its tables are ${[...known].join(", ")}`;
      throw wrongCall(
        `--${option} names a table that the CDM does not have, ${JSON.stringify(table)}: ${names}`,
      );
    }
    if (tables.has(table)) throw wrongCall(`--${option} names ${table} twice`);
    tables.set(table, read(text.slice(at + 1)));
  }
  const [first] = others;
  if (others.length > 1) throw wrongCall(`Pass --${option} without a table once`);
  return first === undefined ? { tables } : { others: first, tables };
}
