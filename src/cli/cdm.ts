/** `omcp cdm …`: loads a CDM into a local volume or into the Postgres of a URL; lists and removes local CDMs. */
import { engineLocation } from "../app/engine_access.ts";
import { parseArgs } from "node:util";
import { loadLocal } from "../cdm/local_load.ts";
import { localName } from "../cdm/local_name.ts";
import type { Command, Print } from "./command.ts";
import { readLogLevel, type ReadVariable } from "../app/config.ts";
import { fileOptions } from "./cdm_files.ts";
import { CDM_OPTIONS } from "./cdm_options.ts";
import { USAGE, wrongCall } from "./cdm_usage.ts";
import { manage, withRuntime } from "./local_cdms.ts";
import { clientConfiguration, type ServedCdm, serveLine } from "./serve_line.ts";
import { OmcpError } from "../errors.ts";
import { startLogging } from "../observability/log.ts";
import { cdmVersionSchema } from "../omop/cdm/mod.ts";
import {
  type CdmSource,
  folderSource,
  headLine,
  keyLines,
  loadCdm,
  type LoadReport,
  sampleSource,
  tableLines,
  totalLine,
} from "../cdm/load/mod.ts";
import { parseDatabaseUrl, READER_ROLE, readerRoleSql, urlUpstream } from "../postgres/mod.ts";

const SCHEMA = /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/;

/** `omcp cdm`. */
export const command: Command = {
  usage: [
    ["cdm load DIR [options]", "load a folder of OMOP CDM files"],
    ["cdm sample [options]", "load a synthetic CDM"],
    ["cdm list", "list local CDMs and who uses them"],
    ["cdm remove local:NAME", "remove a local CDM"],
  ],
  help: USAGE,
  run: async ({ args, read, unknown, print }) => {
    await startLogging(readLogLevel(read, unknown));
    return await runCdmCommand(args, read, print);
  },
};

/**
 * Runs `omcp cdm …`.
 *
 * @param args The arguments after `cdm`.
 * @param read Looks up an environment variable.
 * @param print Writes text to stdout.
 * @returns The process's exit code, 0; a failure is thrown.
 * @throws {OmcpError} `invalid_argument` for a wrong call; else the error that stopped the load.
 */
export async function runCdmCommand(
  args: readonly string[],
  read: ReadVariable,
  print: Print,
): Promise<number> {
  const { values, positionals, tokens } = parse(args);
  const options = tokens.flatMap((token) => token.kind === "option" ? [token.rawName] : []);
  const [command, folder, ...rest] = positionals;
  if (values.help || command === "help") {
    print(USAGE);
    return 0;
  }
  if (command === "list" || command === "remove") {
    await manage(command, { args: positionals.slice(1), options, print, read });
    return 0;
  }
  if (command !== "load" && command !== "sample") {
    throw wrongCall(command === undefined ? "Missing command" : `Unknown command: cdm ${command}`);
  }
  const extra = command === "load" ? rest : positionals.slice(1);
  if (extra.length > 0) throw wrongCall(`Too many arguments: ${extra.join(" ")}`);
  const destination = destinationOf(values, read);
  const source = command === "load" ? await folderOf(folder, values) : sampleOf(values);
  await untilSignal(async (signal) => await load({ source, destination, print, read, signal }));
  return 0;
}

type Values = ReturnType<typeof parse>["values"];

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: CDM_OPTIONS, allowPositionals: true, tokens: true });
}

type Destination =
  | { readonly kind: "local"; readonly name: string; readonly replace: boolean }
  | {
    readonly kind: "url";
    readonly url: string;
    readonly schema: string;
    readonly reader: string | undefined;
    readonly replace: boolean;
  };

function destinationOf(values: Values, read: ReadVariable): Destination {
  const { into, schema, reader, replace } = values;
  if (into !== undefined && values["database-url"] !== undefined) {
    throw wrongCall("Pass --into or --database-url, not both");
  }
  if (into !== undefined) {
    const name = localName(into);
    if (name === undefined) throw wrongCall("--into must be local:NAME, with a NAME of a-z, 0-9, _ and -");
    if (reader !== undefined || schema !== "cdm") {
      throw wrongCall("--schema and --reader apply to --database-url, not to --into");
    }
    return { kind: "local", name, replace };
  }
  const url = values["database-url"] ?? read("OMCP_ADMIN_URL");
  if (url === undefined || url === "") {
    throw wrongCall("Missing destination: pass --into or --database-url");
  }
  if (!SCHEMA.test(schema)) throw wrongCall("--schema must be a lower-case SQL name");
  return { kind: "url", url, schema, reader, replace };
}

async function folderOf(folder: string | undefined, values: Values): Promise<CdmSource> {
  if (folder === undefined) throw wrongCall("Missing folder: pass the folder that has the CDM files");
  for (const name of ["persons", "seed"] as const) {
    if (values[name] !== undefined) throw wrongCall(`--${name} applies to cdm sample only`);
  }
  const requested = values["cdm-version"];
  const version = cdmVersionSchema.optional().safeParse(requested);
  if (!version.success) throw wrongCall("--cdm-version must be 5.3 or 5.4");
  return await folderSource(folder, {
    ...(version.data === undefined ? {} : { version: version.data }),
    ...(values.rejects === undefined ? {} : { rejectsFolder: values.rejects }),
    ...fileOptions(values),
  });
}

function sampleOf(values: Values): CdmSource {
  for (const name of ["rejects", "cdm-version", "format", "null", "truncate"] as const) {
    if (values[name] !== undefined) throw wrongCall(`--${name} applies to cdm load only`);
  }
  return sampleSource({
    ...(values.persons === undefined ? {} : { persons: integer("persons", values.persons) }),
    ...(values.seed === undefined ? {} : { seed: integer("seed", values.seed) }),
  });
}

function integer(name: string, text: string): number {
  if (/^-?\d{1,12}$/.test(text)) return Number(text);
  throw wrongCall(`--${name} must be an integer`);
}

interface Load {
  readonly source: CdmSource;
  readonly destination: Destination;
  readonly print: Print;
  readonly read: ReadVariable;
  readonly signal: AbortSignal;
}

async function load({ source, destination, print, read, signal }: Load): Promise<void> {
  const writeLine = (line: string): void => print(line);
  const started = performance.now();
  writeLine(source.description);
  if (source.ignored.length > 0) writeLine(`Not loaded: ${source.ignored.join(", ")}`);
  source.formats.forEach(writeLine);
  writeLine(headLine());
  const listeners = {
    onTable: (table: LoadReport["tables"][number]) => tableLines(table).forEach(writeLine),
    onStep: writeLine,
    signal,
  };
  let report: LoadReport;
  if (destination.kind === "local") {
    const { name, replace } = destination;
    report = await withRuntime(
      read,
      async (runtime) => await loadLocal({ runtime, name, source, replace, ...listeners }),
    );
  } else {
    const { url, schema, replace, reader } = destination;
    report = await loadCdm({
      source,
      upstream: urlUpstream(url),
      schema,
      replace,
      ...(reader === undefined ? {} : { reader }),
      ...listeners,
    });
  }
  writeLine(totalLine(report.tables, performance.now() - started));
  keyLines(report.keys).forEach(writeLine);
  howToServe(destination, read).forEach(writeLine);
}

function howToServe(destination: Destination, read: ReadVariable): string[] {
  const engine = read("DOCKER_HOST") ? engineLocation(read) : undefined;
  if (destination.kind === "local") return waysToServe({ kind: "local", name: destination.name, engine });
  const { url, schema, reader } = destination;
  const role = reader ?? READER_ROLE;
  const grants = reader === undefined
    ? [
      "",
      "An administrator can create a role that may only read it:",
      "",
      readerRoleSql({ role, schema, database: parseDatabaseUrl(url).database }),
    ]
    : [];
  return [...grants, ...waysToServe({ kind: "url", url, schema, role, engine })];
}

function waysToServe(cdm: ServedCdm): string[] {
  return [
    "",
    "For an MCP client's configuration:",
    "",
    clientConfiguration(cdm),
    "",
    `Serve it:  ${serveLine(cdm)}`,
  ];
}

/** Runs work that SIGINT and SIGTERM cancel. */
async function untilSignal(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  function stop(): void {
    controller.abort(new OmcpError("cancelled", "A signal stopped the load"));
  }
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) Deno.addSignalListener(name, stop);
  try {
    await work(controller.signal);
  } finally {
    for (const name of signals) Deno.removeSignalListener(name, stop);
  }
}
