/** `omcp cdm …`: loads a CDM into a local volume or a Postgres by URL; lists and removes local ones. */
import { ownCommand } from "../lib/own_command.ts";
import { parseArgs } from "node:util";
import { loadLocal } from "../cdm/local_load.ts";
import { cdmLines, listLocalCdms, localName, removeLocalCdm } from "../cdm/local_store.ts";
import type { Command, Print } from "./command.ts";
import type { ReadVariable } from "../app/config.ts";
import { Engine } from "../docker/mod.ts";
import type { ContainerPlatform } from "../runtime/mod.ts";
import { DockerRuntime } from "../runtime/docker/mod.ts";
import { OmcpError } from "../errors.ts";
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
import { parseDatabaseUrl, readerRoleSql, urlUpstream } from "../postgres/mod.ts";

const USAGE =
  `omcp cdm load DIR [options]        load a folder of OMOP CDM files: person.csv, CONCEPT.csv.gz …
omcp cdm sample [options]          load a synthetic CDM 5.4
  --persons N --seed S             of how many persons (1000), from which seed (1)
omcp cdm list                      list the local CDMs: version, age, size, who uses them
omcp cdm remove local:NAME         remove a local CDM with all its data, unless it is in use

Where to load, one of:
  --into local:NAME                a volume of the container engine; serve it with OMCP_DATABASE_URL=local:NAME
  --database-url URL               a Postgres, as a user that may create schemas. Better in OMCP_ADMIN_URL: others can see arguments
    --schema NAME                  the schema to make there (cdm)
    --reader ROLE                  lets this role read it; without it the SQL for one is printed

  --replace                        replace a CDM that is there
  --cdm-version 5.3|5.4            of the files; found out without it
  --rejects DIR                    keep rows that do not fit, a CSV file a table. They hold patients' data

Files are .csv, .tsv or .txt, plain or gzipped, with a header; columns in any order; TABs (as vocabulary downloads have), commas,
semicolons or bars; UTF-8. An empty field is NULL, a quoted empty one the empty text; in columns that hold no text NA, NaN, NULL and
the like are NULL too. A load is whole or not at all: one that fails leaves what was there before.
`;

const SCHEMA = /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/;

const OPTIONS = {
  into: { type: "string" },
  "database-url": { type: "string" },
  schema: { type: "string", default: "cdm" },
  reader: { type: "string" },
  replace: { type: "boolean", default: false },
  "cdm-version": { type: "string" },
  rejects: { type: "string" },
  persons: { type: "string" },
  seed: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** `omcp cdm`. */
export const command: Command = {
  usage: [
    ["cdm load DIR [options]", "load a folder of OMOP CDM files"],
    ["cdm sample [options]", "load a synthetic CDM"],
    ["cdm list", "list local CDMs and who uses them"],
    ["cdm remove local:NAME", "remove one"],
  ],
  run: ({ args, read, print }) => runCdmCommand(args, read, print),
};

/**
 * Runs `omcp cdm …`.
 *
 * @param args The arguments after `cdm`.
 * @param read Looks an environment variable up.
 * @param print Writes text to stdout.
 * @returns The process's exit code: 0 if the CDM is there.
 * @throws {OmcpError} `invalid_argument` for a wrong call; else what stopped the load.
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
    throw wrongCall(command === undefined ? "Nothing to do" : `There is no command cdm ${command}`);
  }
  const extra = command === "load" ? rest : positionals.slice(1);
  if (extra.length > 0) throw wrongCall(`Too many arguments: ${extra.join(" ")}`);
  const place = placeOf(values, read);
  const source = command === "load" ? await folderOf(folder, values) : sampleOf(values);
  await untilSignal(async (signal) => await load({ source, place, print, read, signal }));
  return 0;
}

type Values = ReturnType<typeof parse>["values"];

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (error) {
    throw wrongCall(error instanceof Error ? error.message : String(error));
  }
}

type Place =
  | { readonly kind: "local"; readonly name: string; readonly replace: boolean }
  | {
    readonly kind: "url";
    readonly url: string;
    readonly schema: string;
    readonly reader: string | undefined;
    readonly replace: boolean;
  };

function placeOf(values: Values, read: ReadVariable): Place {
  const { into, schema, reader, replace } = values;
  if (into !== undefined && values["database-url"] !== undefined) {
    throw wrongCall("--into and --database-url exclude each other");
  }
  if (into !== undefined) {
    const name = localName(into);
    if (name === undefined) throw wrongCall("--into must be local:NAME, with a NAME of a-z, 0-9, _ and -");
    if (reader !== undefined || schema !== "cdm") {
      throw wrongCall("--schema and --reader go with a database by URL, not with --into");
    }
    return { kind: "local", name, replace };
  }
  const url = values["database-url"] ?? read("OMCP_ADMIN_URL");
  if (url === undefined || url === "") {
    throw wrongCall("It is not said where to load: --into or --database-url");
  }
  if (!SCHEMA.test(schema)) throw wrongCall("--schema must be a lower-case SQL name");
  return { kind: "url", url, schema, reader, replace };
}

async function folderOf(folder: string | undefined, values: Values): Promise<CdmSource> {
  if (folder === undefined) throw wrongCall("It is not said which folder to load");
  for (const name of ["persons", "seed"] as const) {
    if (values[name] !== undefined) throw wrongCall(`--${name} goes with cdm sample`);
  }
  const asked = values["cdm-version"];
  const version = cdmVersionSchema.optional().safeParse(asked);
  if (!version.success) throw wrongCall("--cdm-version must be 5.3 or 5.4");
  return await folderSource(folder, {
    ...(version.data === undefined ? {} : { version: version.data }),
    ...(values.rejects === undefined ? {} : { rejectsFolder: values.rejects }),
  });
}

function sampleOf(values: Values): CdmSource {
  for (const name of ["rejects", "cdm-version"] as const) {
    if (values[name] !== undefined) throw wrongCall(`--${name} goes with cdm load`);
  }
  return sampleSource({
    ...(values.persons === undefined ? {} : { persons: whole("persons", values.persons) }),
    ...(values.seed === undefined ? {} : { seed: whole("seed", values.seed) }),
  });
}

function whole(name: string, text: string): number {
  if (/^-?\d{1,12}$/.test(text)) return Number(text);
  throw wrongCall(`--${name} must be a whole number`);
}

interface Load {
  readonly source: CdmSource;
  readonly place: Place;
  readonly print: Print;
  readonly read: ReadVariable;
  readonly signal: AbortSignal;
}

async function load({ source, place, print, read, signal }: Load): Promise<void> {
  const say = (line: string): void => print(line);
  const started = performance.now();
  say(source.description);
  if (source.passedOver.length > 0) say(`Not loaded: ${source.passedOver.join(", ")}`);
  say(headLine());
  const listeners = {
    onTable: (table: LoadReport["tables"][number]) => tableLines(table).forEach(say),
    onStep: say,
    signal,
  };
  let report: LoadReport;
  if (place.kind === "local") {
    const { name, replace } = place;
    report = await withRuntime(
      read,
      async (runtime) => await loadLocal({ runtime, name, source, replace, ...listeners }),
    );
  } else {
    const { url, schema, replace, reader } = place;
    report = await loadCdm({
      source,
      upstream: urlUpstream(url),
      schema,
      replace,
      ...(reader === undefined ? {} : { reader }),
      ...listeners,
    });
  }
  say(totalLine(report.tables, performance.now() - started));
  keyLines(report.keys).forEach(say);
  howToServe(place).forEach(say);
}

function howToServe(place: Place): string[] {
  if (place.kind === "local") {
    return [
      "",
      `Serve it:  OMCP_DATABASE_URL=local:${place.name} OMCP_DISCLOSURE=open ${
        ownCommand(Deno.build.standalone ? "serve" : "start")
      }`,
    ];
  }
  const { database } = parseDatabaseUrl(place.url);
  const role = place.reader ?? "omcp_reader";
  const grants = place.reader === undefined
    ? [
      "",
      "A role that may read it and nothing else, to be made by an administrator:",
      "",
      readerRoleSql({ role, schema: place.schema, database }),
    ]
    : [];
  return [
    ...grants,
    "",
    `Serve it:  OMCP_DATABASE_URL=postgres://${role}:PASSWORD@HOST/${
      encodeURIComponent(database)
    } OMCP_CDM_SCHEMA=${place.schema} OMCP_DISCLOSURE=open ${
      ownCommand(Deno.build.standalone ? "serve" : "start")
    }`,
  ];
}

interface Management {
  readonly args: readonly string[];
  /** The options given, with their dashes. */
  readonly options: readonly string[];
  readonly print: Print;
  readonly read: ReadVariable;
}

/** Does what looks at local CDMs rather than making one. */
async function manage(command: "list" | "remove", management: Management): Promise<void> {
  const { args, options, print, read } = management;
  if (options.length > 0) throw wrongCall(`cdm ${command} takes no ${options.join(", ")}`);
  const expected = command === "list" ? 0 : 1;
  if (args.length > expected) throw wrongCall(`Too many arguments: ${args.slice(expected).join(" ")}`);
  if (command === "list") {
    await withRuntime(
      read,
      async (runtime) => cdmLines(await listLocalCdms(runtime)).forEach((line) => print(line)),
    );
    return;
  }
  const name = localName(args[0] ?? "");
  if (name === undefined) throw wrongCall("cdm remove takes local:NAME, with a NAME of a-z, 0-9, _ and -");
  await withRuntime(read, async (runtime) => await removeLocalCdm(runtime, name));
  print(`Removed local:${name}`);
}

async function withRuntime<T>(
  read: ReadVariable,
  work: (runtime: ContainerPlatform) => Promise<T>,
): Promise<T> {
  const host = read("DOCKER_HOST");
  const engine = await Engine.connect(host === undefined ? {} : { host });
  try {
    return await work(new DockerRuntime(engine));
  } finally {
    engine.close();
  }
}

/** Does something that SIGINT and SIGTERM end in order, leaving nothing half done. */
async function untilSignal(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  function stop(): void {
    controller.abort(new OmcpError("cancelled", "The load was stopped by a signal"));
  }
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) Deno.addSignalListener(name, stop);
  try {
    await work(controller.signal);
  } finally {
    for (const name of signals) Deno.removeSignalListener(name, stop);
  }
}

function wrongCall(message: string): OmcpError {
  return new OmcpError("invalid_argument", message, { state: "Nothing was done.", next: USAGE.trimEnd() });
}
