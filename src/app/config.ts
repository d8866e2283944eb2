/**
 * Every setting of the server: environment variables (or those of a file, see environment.ts) become one typed,
 * validated {@link Config}. The table of all settings, from which the README's is generated, takes the file beyond 300 lines.
 */
import { LOCAL_SCHEMA, localName } from "../cdm/local_name.ts";
import * as z from "zod";
import { DEFAULT_PRESET, PRESET_NAMES } from "../cdm/disclosure/rules.ts";
import type { CdmSettings, DatabaseLocation } from "../cdm/settings.ts";
import { OmcpError } from "../errors.ts";
import { ownCommand } from "../lib/own_command.ts";
import { DEFAULT_HOST } from "../lib/engine_address.ts";
import { normalizedName } from "../lib/package_name.ts";
import type { Dataset, PackageMode } from "../sandbox/mod.ts";
import { datasetProblems, datasetsSchema } from "./datasets.ts";
import { disclosureRules } from "./disclosure_rules.ts";
import { chooseImageSource, digestsSchema, registrySchema } from "./image_source.ts";
import type { ImageSource } from "../images/source.ts";
import { isPinned } from "./sandbox_images.ts";
import { type EngineLocation, engineLocation } from "./engine_access.ts";
import { folderPath, folderProblem } from "./host_folders.ts";
import { ownFiles, ownFolder } from "./own_files.ts";
import type { Toolset } from "../mcp/toolsets.ts";
import { toolsetProblems, toolsetsSchema, wantsToolset } from "./toolsets.ts";

interface Setting {
  readonly schema: z.ZodType;
  readonly default: string;
  readonly unit: string;
  readonly description: string;
}

/** libpq takes up to four times a result's size, and Python's objects as much again. */
export const RESULT_PART_OF_MEMORY = 8;

/** They are in the schema of `create_sandbox`, which models read. */
const MAX_IMAGES = 20;
const IMAGE_LIST = `must be at most ${MAX_IMAGES} image references, separated by commas`;

/** How the message of a number out of its range begins; the setting's unit is added to it. */
const RANGE = "must be from ";

/** An integer between two bounds, from the text of the environment. */
function integer(minimum: number, maximum: number) {
  const range = `${RANGE}${minimum} to ${maximum}`;
  return z.string().regex(/^\d{1,16}$/, "must be an integer").transform(Number)
    .pipe(z.number().min(minimum, range).max(maximum, range));
}

/** An integer within a range, or undefined for an empty text. */
function optionalInteger(minimum: number, maximum: number) {
  const range = `${RANGE}${minimum} to ${maximum}`;
  return z.string().regex(/^\d{0,16}$/, "must be an integer")
    .transform((text) => text === "" ? undefined : Number(text))
    .pipe(z.number().min(minimum, range).max(maximum, range).optional());
}

/** A file of this machine; a comma would end its path in Deno's permission flags. */
const filePath = z.string().regex(
  /^(?:\/[^,\0]*[^/,\0])?$/,
  "must be an absolute path of a file, without a comma",
);

/** Folders that the server uses itself. */
const ownFolderPath = z.string().transform((text) => text === "" ? "" : folderPath(text) ?? null).pipe(
  z.string("must be an absolute path of a folder, without a comma, //, . and .."),
);

/** `host[:port]/path:tag@digest`, roughly: the engine checks the rest. */
const IMAGE = /^[a-zA-Z0-9][a-zA-Z0-9_.\-/:@]{0,254}$/;

/** The table of settings: name → schema, default, unit, meaning. */
export const SETTINGS = {
  DOCKER_HOST: {
    schema: z.string().regex(
      /^(?:unix:\/\/\/|tcp:\/\/).+$/,
      "must be unix:///path/of/socket or tcp://host:port; ssh:// is not supported",
    ),
    default: DEFAULT_HOST,
    unit: "URL",
    description:
      "The container engine's Unix socket, or `tcp://host:port` with TLS. The Deno permission flags must name the same path, or host and port.",
  },
  DOCKER_TLS_VERIFY: {
    schema: z.string(),
    default: "",
    unit: "",
    description:
      "Any value: TLS with an engine over TCP, in which both sides prove who they are. The server accepts no engine over TCP without it.",
  },
  DOCKER_CERT_PATH: {
    schema: ownFolderPath,
    default: "",
    unit: "path",
    description:
      "Folder with `ca.pem`, `cert.pem` and `key.pem` for an engine over TCP. Needs `--allow-read` for these files.",
  },
  OMCP_OCI_RUNTIME: {
    schema: z.string().regex(/^[\w.-]{0,100}$/, "must be the name of an OCI runtime, such as runsc"),
    default: "",
    unit: "name",
    description:
      "The OCI runtime of the sandboxes, as the engine calls it, such as `runsc` for gVisor; empty: the engine's default. Local databases and builds always have the default.",
  },
  OMCP_IMAGE: {
    schema: z.string().refine((value) => value === "" || IMAGE.test(value), "must be an image reference"),
    default: "",
    unit: "image",
    description:
      "Image of the sandboxes, with python3 ≥ 3.9 and ipython; empty: the one that `deno task setup` builds.",
  },
  OMCP_IMAGES: {
    schema: z.string().transform((value) => value.split(",").map((name) => name.trim()).filter(Boolean))
      .pipe(z.array(z.string().regex(IMAGE, IMAGE_LIST)).max(MAX_IMAGES, IMAGE_LIST)),
    default: "",
    unit: "images",
    description:
      "Further images that a call of `create_sandbox` may choose, separated by commas; they must be in the engine.",
  },
  OMCP_IMAGES_PINNED: {
    schema: z.enum(["on", "off"], "must be on or off"),
    default: "off",
    unit: "",
    description:
      "`on`: OMCP_IMAGE and each of OMCP_IMAGES must be `name@sha256:…`, with a registry's digest or the image's id.",
  },
  OMCP_IMAGE_REGISTRY: {
    schema: registrySchema,
    default: "",
    unit: "host/path",
    description:
      "Registry from which the engine pulls the project's own images where it lacks them, as `omcp-python` and `omcp-postgres` under this path; empty: OMCP_IMAGE_FILE.",
  },
  OMCP_IMAGE_DIGESTS: {
    schema: digestsSchema,
    default: "",
    unit: "digests",
    description:
      "`python=sha256:…,postgres=sha256:…`: the digests of these images, so that the registry cannot serve others.",
  },
  OMCP_IMAGE_FILE: {
    schema: filePath,
    default: "",
    unit: "path",
    description:
      "Archive of `omcp bundle` from which the project's own images are loaded where the engine lacks them; empty: they are built. Needs `--allow-read` for it.",
  },
  OMCP_MAX_SANDBOXES: {
    schema: integer(1, 1000),
    default: "10",
    unit: "sandboxes",
    description:
      "Maximum number of sandboxes at a time. A further one replaces the sandbox that has been unused for the longest, if that is at least OMCP_EVICT_SECONDS; otherwise its creation fails with `capacity`.",
  },
  OMCP_POOL_SIZE: {
    schema: integer(0, 100),
    default: "1",
    unit: "sandboxes",
    description:
      "Sandboxes that the server starts ahead, so that a later `create_sandbox` has one at once; 0: none. It fills the pool after the first creation, and empties it after 10 minutes without one. They count towards OMCP_MAX_SANDBOXES, and make room for other sandboxes.",
  },
  OMCP_EVICT_SECONDS: {
    schema: integer(10, 2_592_000),
    default: "900",
    unit: "s",
    description:
      "At OMCP_MAX_SANDBOXES, the server removes a sandbox without a call for this long to make room for a new one, but never one that a call uses.",
  },
  OMCP_IDLE_SECONDS: {
    schema: integer(10, 604_800),
    default: "3600",
    unit: "s",
    description:
      "Default idle timeout, capped by OMCP_LIFETIME_SECONDS: the server removes a sandbox without a call for this long. A call of `create_sandbox` may set another, up to OMCP_LIFETIME_SECONDS.",
  },
  OMCP_LIFETIME_SECONDS: {
    schema: integer(60, 2_592_000),
    default: "86400",
    unit: "s",
    description: "Maximum age of a sandbox; the server then removes it, busy or not.",
  },
  OMCP_LEASE_SECONDS: {
    schema: integer(10, 3600),
    default: "90",
    unit: "s",
    description: "Lease: a sandbox that receives nothing from its server for this long ends itself.",
  },
  OMCP_WAIT_SECONDS: {
    schema: integer(1, 3600),
    default: "45",
    unit: "s",
    description:
      "How long a call waits for its result. Then it answers with an `execution_id`, and the work goes on. Several clients give up after 60 s.",
  },
  OMCP_CELL_TIMEOUT_SECONDS: {
    schema: integer(1, 86_400),
    default: "600",
    unit: "s",
    description: "Default cell timeout, capped by OMCP_CELL_TIMEOUT_MAX_SECONDS.",
  },
  OMCP_CELL_TIMEOUT_MAX_SECONDS: {
    schema: integer(1, 86_400),
    default: "86400",
    unit: "s",
    description: "Maximum cell timeout that a call may ask for, capped by OMCP_LIFETIME_SECONDS.",
  },
  OMCP_OUTPUT_KIB: {
    schema: integer(1, 128),
    default: "20",
    unit: "KiB",
    description:
      "Maximum text of a cell in its result. stdout, stderr and values share it fairly; the result has the beginning and the end of each, and the size of the rest.",
  },
  OMCP_MEMORY_MIB: {
    schema: integer(256, 1_048_576),
    default: "2048",
    unit: "MiB",
    description: "Memory of a sandbox, its files included; there is no swap.",
  },
  OMCP_CPU_PERCENT: {
    schema: integer(5, 12_800),
    default: "100",
    unit: "% of a core",
    description: "Processor time of a sandbox.",
  },
  OMCP_MEMORY_MAX_MIB: {
    schema: optionalInteger(256, 1_048_576),
    default: "",
    unit: "MiB",
    description:
      "Maximum memory that a call of `create_sandbox` may ask for; empty: half of the engine's machine, and at least OMCP_MEMORY_MIB. All sandboxes together have at most OMCP_MAX_SANDBOXES × OMCP_MEMORY_MIB, or OMCP_MEMORY_MAX_MIB if that is more.",
  },
  OMCP_CPU_MAX_PERCENT: {
    schema: optionalInteger(5, 12_800),
    default: "",
    unit: "% of a core",
    description:
      "Maximum processor time that a call of `create_sandbox` may ask for; empty: half of the engine's machine, and at least OMCP_CPU_PERCENT.",
  },
  OMCP_PIDS: {
    schema: integer(32, 32_768),
    default: "256",
    unit: "processes",
    description: "Processes and threads in a sandbox; cells may have eight fewer.",
  },
  OMCP_WORKSPACE_MIB: {
    schema: integer(1, 524_288),
    default: "512",
    unit: "MiB",
    description: "Size of /workspace, which lies in memory.",
  },
  OMCP_DATASETS: {
    schema: datasetsSchema,
    default: "",
    unit: "name=path,…",
    description:
      "Folders of the engine's machine that every sandbox can read at `/data/NAME`, see docs/datasets.md. Everyone on that machine must be able to read their files.",
  },
  OMCP_EXCHANGE_DIR: {
    schema: ownFolderPath,
    default: "",
    unit: "path",
    description:
      "Folder of this machine from which `import_file` and to which `export_file` copy files, see docs/exchange.md; empty: the server does not offer these tools. Needs `--allow-read` and `--allow-write` for it.",
  },
  OMCP_EXCHANGE_MIB: {
    schema: integer(1, 1_048_576),
    default: "10240",
    unit: "MiB",
    description: "Maximum of what exports of this server may take in OMCP_EXCHANGE_DIR.",
  },
  OMCP_DATABASE_URL: {
    schema: z.string().refine(
      (value) => /^(?:sample|none|postgres(?:ql)?:\/\/.+)$/.test(value) || localName(value) !== undefined,
      "must be sample, none, local:NAME or a postgres:// URL",
    ),
    default: "sample",
    unit: "URL",
    description:
      "The database: `sample` (built in, synthetic), `local:NAME` (created by `cdm load`), a `postgres://` URL, or `none`.",
  },
  OMCP_CDM_SCHEMA: {
    schema: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, "must be a lower-case SQL name"),
    default: "cdm",
    unit: "name",
    description: "The schema that holds the CDM; `cdm` in a sample or local database.",
  },
  OMCP_DISCLOSURE: {
    schema: z.enum(["", "open", "aggregate"], "must be open or aggregate"),
    default: "",
    unit: "",
    description:
      "`open` lets row-level data of the database reach the sandboxes, and so the model. `aggregate` lets only numbers on groups of persons leave the database, see docs/disclosure.md. Empty: `open` for the sample, else `aggregate`.",
  },
  OMCP_DISCLOSURE_PRESET: {
    schema: z.enum(PRESET_NAMES, `must be one of ${PRESET_NAMES.join(", ")}`),
    default: DEFAULT_PRESET,
    unit: "",
    description:
      "Rules of `aggregate`: those of `cms` (k = 11), `ohdsi` (5), `opensafely` (8, rounded to 5) or `acro` (10).",
  },
  OMCP_MIN_CELL: {
    schema: optionalInteger(2, 10_000),
    default: "",
    unit: "persons",
    description:
      "k: `aggregate` protects every set of fewer persons, and a group that it shows has at least 2k − 1; empty: the preset's. Less than the preset's k needs OMCP_DISCLOSURE_UNSAFE=min-cell.",
  },
  OMCP_DISCLOSURE_UNSAFE: {
    schema: z.enum(["", "min-cell"], "must be empty or min-cell"),
    default: "",
    unit: "rule",
    description:
      "A rule of the preset that OMCP_MIN_CELL may weaken: `min-cell`. It is logged at each start.",
  },
  OMCP_DISCLOSURE_FOLDER: {
    schema: ownFolderPath,
    default: "",
    unit: "path",
    description:
      "Folder in which one server remembers which numbers it released in `aggregate`; empty: in memory, so that a restart forgets them. Needs `--allow-read` and `--allow-write` for it.",
  },
  OMCP_UNSAFE_ROLE: {
    schema: z.string().max(63, "must be the name of a role, of at most 63 characters"),
    default: "",
    unit: "role",
    description: "A database role that the server accepts although it has privileges that it must not have.",
  },
  OMCP_QUERY_SECONDS: {
    schema: integer(1, 86_400),
    default: "60",
    unit: "s",
    description: "Timeout of an SQL statement.",
  },
  OMCP_QUERY_RESULT_MIB: {
    schema: integer(1, 65_536),
    default: "256",
    unit: "MiB",
    description:
      "Maximum result of an SQL statement, capped by an eighth of OMCP_MEMORY_MIB and of the sandbox's memory, because libpq needs several times its size; a larger one is an error and is never truncated.",
  },
  OMCP_QUERY_CONNECTIONS: {
    schema: integer(1, 32),
    default: "8",
    unit: "connections",
    description: "Maximum of database connections of a sandbox.",
  },
  OMCP_MAX_COST: {
    schema: integer(0, 1e15),
    default: "1000000000",
    unit: "cost",
    description:
      "Maximum cost of an SQL statement by the planner's estimate, as EXPLAIN shows it; 0: no limit. Checked for statements with two or more items in FROM.",
  },
  OMCP_TOOLSETS: {
    schema: toolsetsSchema,
    default: "",
    unit: "names",
    description:
      "Groups of tools that the server offers, separated by commas: `core` (always offered), `files`, `omop` (needs a database), `exchange` (OMCP_EXCHANGE_DIR), `packages` (OMCP_PACKAGES). Empty: all that apply. See docs/tools.md.",
  },
  OMCP_PACKAGES: {
    schema: z.enum(["", "off", "allowlist", "any"], "must be off, allowlist or any"),
    default: "",
    unit: "",
    description:
      "What `install_package` may install: `any` wheel of the index, those of an `allowlist`, or nothing (`off`: the tool is not offered). Empty: `any` if OMCP_DATABASE_URL is `sample` or `none` and neither OMCP_DATASETS nor OMCP_EXCHANGE_DIR is set; else `off`, because the names of packages leave the site.",
  },
  OMCP_PACKAGES_ALLOWLIST: {
    schema: z.string().max(20_000, "must be at most 20,000 characters").regex(
      /^(?:[A-Za-z0-9][A-Za-z0-9._-]*(?:[ ,]+[A-Za-z0-9][A-Za-z0-9._-]*)*)?$/,
      "must be names of packages, separated by commas or spaces",
    ).transform((text) => new Set(text.split(/[ ,]+/).filter(Boolean).map(normalizedName))),
    default: "",
    unit: "names",
    description:
      "Packages that calls may name with OMCP_PACKAGES=allowlist, separated by commas. What they depend on may be installed, too.",
  },
  OMCP_PACKAGES_INDEX: {
    schema: z.string().max(2000, "must be at most 2,000 characters").regex(
      /^(?:https?:\/\/[^\s]+)?$/,
      "must be an http:// or https:// URL",
    ),
    default: "",
    unit: "URL",
    description:
      "The package index, in the form that pip takes; empty: UV_DEFAULT_INDEX, UV_INDEX_URL, PIP_INDEX_URL or the public one. It may contain a password.",
  },
  OMCP_PACKAGES_CONSTRAINTS: {
    schema: filePath,
    default: "",
    unit: "path",
    description:
      "File with constraints in pip's format, which every installation obeys; empty: none. Needs `--allow-read` for it.",
  },
  OMCP_PACKAGES_NETWORK: {
    schema: z.string().regex(
      /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/,
      "must be the name of a network of the engine",
    ),
    default: "bridge",
    unit: "network",
    description:
      "The engine's network for the container that resolves and downloads packages, such as `bridge` or `host`. No sandbox has a network.",
  },
  OMCP_INSTANCE: {
    schema: z.string().regex(/^[A-Za-z0-9_.-]{0,64}$/, "must be at most 64 letters, digits, _ . or -"),
    default: "",
    unit: "name",
    description:
      "Name of this server, in the label `org.omcp.instance` of its containers; empty: a random one. One server at a time may use a name; when it starts, it takes over the sandboxes that an earlier server of that name left, and removes everything else.",
  },
  OMCP_ON_SHUTDOWN: {
    schema: z.enum(["remove", "detach"], "must be remove or detach"),
    default: "remove",
    unit: "",
    description:
      "What becomes of the sandboxes when the server ends. (It also ends when its client or its launcher (`npx`) is killed, because then its stdin ends.) `remove`: they are removed. `detach`: they stay for OMCP_LEASE_SECONDS, for the next server of the same OMCP_INSTANCE, which must be set.",
  },
  OMCP_AUDIT_FOLDER: {
    schema: ownFolderPath,
    default: "",
    unit: "path",
    description:
      "Folder in which each server writes the audit into a file of its own, a JSON line for each SQL statement and execution, see docs/audit.md; empty: stderr. Needs `--allow-read` and `--allow-write` for it.",
  },
  OMCP_AUDIT_SOURCE: {
    schema: z.enum(["on", "off"], "must be on or off"),
    default: "off",
    unit: "",
    description:
      "`on` adds the source of statements and cells to the audit. The source may hold patients' data.",
  },
  OMCP_LOG_LEVEL: {
    schema: z.enum(["debug", "info", "warning", "error"], "must be debug, info, warning or error"),
    default: "info",
    unit: "",
    description: "Least severe level that is logged, as JSON lines on stderr: debug, info, warning or error.",
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** What may be installed, and from where. */
export interface PackageConfig {
  readonly mode: "off" | PackageMode;
  /** As PEP 503 normalizes them. */
  readonly allowed: ReadonlySet<string>;
  /** May contain a password. Undefined: the environment's or the public one. */
  readonly index: string | undefined;
  readonly constraintsFile: string | undefined;
  readonly network: string;
}

/** The settings, validated and in the units the program works with. */
export interface Config extends CdmSettings {
  /** Where the engine is. */
  readonly engine: EngineLocation;
  /** The OCI runtime of the sandboxes; undefined: the engine's default. */
  readonly ociRuntime: string | undefined;
  /** Undefined: the project's own image. */
  readonly image: string | undefined;
  /** Further images that callers may choose. */
  readonly images: readonly string[];
  /** Where the project's own images come from if the engine lacks them. */
  readonly imageSource: ImageSource;
  readonly maxSandboxes: number;
  /** How many sandboxes are started ahead. */
  readonly poolSize: number;
  /** How long a sandbox must be without a call before a new one may replace it. */
  readonly evictUnusedMs: number;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  /** How long a call waits for its execution. */
  readonly waitMs: number;
  readonly cellTimeoutMs: number;
  readonly cellTimeoutMaxMs: number;
  readonly outputBytes: number;
  readonly memoryBytes: number;
  /** Cores, may be a fraction. */
  readonly cpus: number;
  /** What callers may ask for; undefined: a part of the machine. */
  readonly memoryMaxBytes: number | undefined;
  readonly cpusMax: number | undefined;
  readonly pids: number;
  readonly workspaceBytes: number;
  /** Folders that every sandbox can read. */
  readonly datasets: readonly Dataset[];
  /** The toolsets that the operator names; empty: all that apply. */
  readonly toolsets: readonly Toolset[];
  readonly packages: PackageConfig;
  /** Undefined: no files are exchanged. */
  readonly exchangeFolder: string | undefined;
  /** The most that exports may take in it. */
  readonly exchangeBytes: number;
  /** Whether the operator named the instance: another server could have the same name. */
  readonly instanceNamed: boolean;
  /** Where the audit's files are; undefined: it goes to stderr. */
  readonly auditFolder: string | undefined;
  /** Whether its sandboxes stay for its next server when it ends. */
  readonly detach: boolean;
  /** Whether the audit holds the source of statements and cells. */
  readonly auditSource: boolean;
  readonly logLevel: "debug" | "info" | "warning" | "error";
}

/** Looks up a variable of the environment, or of a file of settings. */
export type ReadVariable = (name: string) => string | undefined;

/**
 * Reads and checks the configuration.
 *
 * @param read Looks up a variable; an empty value counts as absent.
 * @param unknown Sentences on variables that are not settings; they are problems, too.
 * @returns The whole configuration, defaults filled in.
 * @throws {OmcpError} `config_invalid` naming each wrong setting (never its value, which may be a secret).
 */
export function readConfig(read: ReadVariable, unknown: readonly string[] = []): Config {
  const problems: string[] = [...unknown];
  function get<N extends SettingName>(name: N): SettingValue<N> {
    return readSetting(read, name, problems);
  }
  const mib = 1024 * 1024;
  const database = databaseLocation(String(get("OMCP_DATABASE_URL")));
  const open = (get("OMCP_DISCLOSURE") || (database.kind === "sample" ? "open" : "aggregate")) === "open";
  const rules = disclosureRules(
    {
      preset: get("OMCP_DISCLOSURE_PRESET"),
      least: get("OMCP_MIN_CELL"),
      unsafe: get("OMCP_DISCLOSURE_UNSAFE"),
    },
    problems,
  );
  const cdmSchema = get("OMCP_CDM_SCHEMA");
  if ((database.kind === "sample" || database.kind === "local") && cdmSchema !== LOCAL_SCHEMA) {
    problems.push(`OMCP_CDM_SCHEMA must be ${LOCAL_SCHEMA}, the only schema of a sample or local database`);
  }
  const lifetime = get("OMCP_LIFETIME_SECONDS");
  const cellTimeoutMax = Math.min(get("OMCP_CELL_TIMEOUT_MAX_SECONDS"), lifetime);
  const memory = get("OMCP_MEMORY_MIB");
  const cpuPercent = get("OMCP_CPU_PERCENT");
  const memoryMax = get("OMCP_MEMORY_MAX_MIB");
  const cpuMaxPercent = get("OMCP_CPU_MAX_PERCENT");
  requireOrder(problems, ["OMCP_MEMORY_MAX_MIB", memoryMax], ["OMCP_MEMORY_MIB", memory]);
  requireOrder(problems, ["OMCP_CPU_MAX_PERCENT", cpuMaxPercent], ["OMCP_CPU_PERCENT", cpuPercent]);
  const image = get("OMCP_IMAGE") || undefined;
  const images = [...new Set(get("OMCP_IMAGES") ?? [])].filter((name) => name !== image);
  if (get("OMCP_IMAGES_PINNED") === "on" && ![image ?? [], images].flat().every(isPinned)) {
    problems.push("OMCP_IMAGE and OMCP_IMAGES must be name@sha256:… each while OMCP_IMAGES_PINNED is on");
  }
  const imageSource = imageSourceOf(read, problems);
  const instance = get("OMCP_INSTANCE");
  const detach = get("OMCP_ON_SHUTDOWN") === "detach";
  if (detach && instance === "") {
    problems.push(
      "OMCP_ON_SHUTDOWN=detach needs OMCP_INSTANCE: only a server of the same name finds the sandboxes",
    );
  }
  const engine = engineLocation(get);
  if (engine.host.startsWith("tcp:") && engine.certificates === undefined) {
    problems.push(
      "DOCKER_HOST=tcp:// needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH: anyone who reaches an engine without TLS is root on its machine",
    );
  }
  const auditFolder = get("OMCP_AUDIT_FOLDER") || undefined;
  const datasets = get("OMCP_DATASETS");
  const ledgerFolder = get("OMCP_DISCLOSURE_FOLDER") || undefined;
  const exchangeFolder = get("OMCP_EXCHANGE_DIR") || undefined;
  const constraintsFile = get("OMCP_PACKAGES_CONSTRAINTS") || undefined;
  const imageFile = imageSource.kind === "file" ? imageSource.path : undefined;
  const apart = ownFiles({
    engine,
    auditFolder,
    ledgerFolder,
    constraintsFile,
    imageFile,
    database,
  });
  problems.push(...datasetProblems(datasets ?? [], [...apart, exchangeFolder]));
  const unfit = exchangeFolder === undefined
    ? undefined
    : folderProblem(exchangeFolder, [...apart, ownFolder()]);
  if (unfit !== undefined) problems.push(`OMCP_EXCHANGE_DIR ${unfit}`);
  // The names of packages leave the site, and a model that has seen data chooses them.
  const mayHoldPatients = (database.kind !== "sample" && database.kind !== "none") ||
    (datasets ?? []).length > 0 || exchangeFolder !== undefined;
  const packageMode = get("OMCP_PACKAGES") || (mayHoldPatients ? "off" : "any");
  const toolsets = get("OMCP_TOOLSETS") ?? [];
  problems.push(...toolsetProblems(toolsets, {
    omop: database.kind === "none" ? "OMCP_DATABASE_URL to be another than none" : undefined,
    exchange: exchangeFolder === undefined ? "OMCP_EXCHANGE_DIR" : undefined,
    packages: packageMode === "off" ? "OMCP_PACKAGES to be allowlist or any" : undefined,
  }));
  const config: Config = {
    engine,
    ociRuntime: get("OMCP_OCI_RUNTIME") || undefined,
    image,
    images,
    imageSource,
    maxSandboxes: get("OMCP_MAX_SANDBOXES"),
    poolSize: get("OMCP_POOL_SIZE"),
    evictUnusedMs: get("OMCP_EVICT_SECONDS") * 1000,
    idleMs: Math.min(get("OMCP_IDLE_SECONDS"), lifetime) * 1000,
    lifetimeMs: lifetime * 1000,
    leaseSeconds: get("OMCP_LEASE_SECONDS"),
    waitMs: get("OMCP_WAIT_SECONDS") * 1000,
    cellTimeoutMs: Math.min(get("OMCP_CELL_TIMEOUT_SECONDS"), cellTimeoutMax) * 1000,
    cellTimeoutMaxMs: cellTimeoutMax * 1000,
    outputBytes: get("OMCP_OUTPUT_KIB") * 1024,
    memoryBytes: memory * mib,
    cpus: cpuPercent / 100,
    memoryMaxBytes: memoryMax === undefined ? undefined : memoryMax * mib,
    cpusMax: cpuMaxPercent === undefined ? undefined : cpuMaxPercent / 100,
    pids: get("OMCP_PIDS"),
    workspaceBytes: get("OMCP_WORKSPACE_MIB") * mib,
    datasets,
    exchangeFolder: wantsToolset(toolsets, "exchange") ? exchangeFolder : undefined,
    exchangeBytes: get("OMCP_EXCHANGE_MIB") * mib,
    database,
    cdmSchema,
    disclosure: open ? undefined : rules,
    ledgerFolder,
    unsafeRole: get("OMCP_UNSAFE_ROLE") || undefined,
    queryMs: get("OMCP_QUERY_SECONDS") * 1000,
    queryResultBytes: Math.floor(
      Math.min(get("OMCP_QUERY_RESULT_MIB"), memory / RESULT_PART_OF_MEMORY) * mib,
    ),
    queryConnections: get("OMCP_QUERY_CONNECTIONS"),
    maxCost: get("OMCP_MAX_COST"),
    toolsets,
    packages: {
      // Without the tool there is nobody to ask for a package.
      mode: wantsToolset(toolsets, "packages") ? packageMode : "off",
      allowed: get("OMCP_PACKAGES_ALLOWLIST"),
      index: get("OMCP_PACKAGES_INDEX") || undefined,
      constraintsFile,
      network: get("OMCP_PACKAGES_NETWORK"),
    },
    instance: instance || crypto.randomUUID(),
    instanceNamed: instance !== "",
    auditFolder,
    detach,
    auditSource: get("OMCP_AUDIT_SOURCE") === "on",
    logLevel: get("OMCP_LOG_LEVEL"),
  };
  requireNone(problems);
  return config;
}

/**
 * Reads the log level alone: commands besides `serve` do not need the other settings.
 *
 * @param read Looks up a variable; an empty value counts as absent.
 * @param unknown Sentences on variables that are not settings; they are problems, too.
 * @throws {OmcpError} `config_invalid` if it is not a level.
 */
export function readLogLevel(read: ReadVariable, unknown: readonly string[] = []): Config["logLevel"] {
  const problems: string[] = [...unknown];
  const level = readSetting(read, "OMCP_LOG_LEVEL", problems);
  requireNone(problems);
  return level;
}

/**
 * Reads where images come from, alone: `omcp setup` does not need the other settings.
 *
 * @param read Looks up a variable; an empty value counts as absent.
 * @throws {OmcpError} `config_invalid` if a setting is wrong.
 */
export function readImageSource(read: ReadVariable): ImageSource {
  const problems: string[] = [];
  const source = imageSourceOf(read, problems);
  requireNone(problems);
  return source;
}

function imageSourceOf(read: ReadVariable, problems: string[]): ImageSource {
  return chooseImageSource({
    registry: readSetting(read, "OMCP_IMAGE_REGISTRY", problems),
    digests: readSetting(read, "OMCP_IMAGE_DIGESTS", problems),
    file: readSetting(read, "OMCP_IMAGE_FILE", problems),
  }, problems);
}

type SettingValue<N extends SettingName> = z.output<(typeof SETTINGS)[N]["schema"]>;

function readSetting<N extends SettingName>(
  read: ReadVariable,
  name: N,
  problems: string[],
): SettingValue<N> {
  const schema: z.ZodType = SETTINGS[name].schema;
  const raw = read(name);
  const parsed = schema.safeParse(raw === undefined || raw === "" ? SETTINGS[name].default : raw);
  if (!parsed.success) {
    const message = parsed.error.issues[0]?.message ?? "is invalid";
    const { unit } = SETTINGS[name];
    problems.push(`${name} ${message}${message.startsWith(RANGE) && unit !== "" ? `, in ${unit}` : ""}`);
  }
  // The return type is inferred from this schema; after a failure the value is not used.
  return parsed.data as SettingValue<N>;
}

/** The value of an invalid setting is undefined, although its type excludes that: then there is nothing to compare. */
function requireOrder(
  problems: string[],
  [name, value]: readonly [SettingName, number | undefined],
  [least, minimum]: readonly [SettingName, number | undefined],
): void {
  if (value === undefined || minimum === undefined || value >= minimum) return;
  problems.push(`${name} must be at least ${least}`);
}

function requireNone(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new OmcpError("config_invalid", `Cannot start: ${problems.join("; ")}`, {
    next: `Correct the environment or the file of settings; \`${
      ownCommand("start --help")
    }\` and docs/settings.md have names, units and defaults.`,
  });
}

function databaseLocation(value: string): DatabaseLocation {
  if (value === "none" || value === "sample") return { kind: value };
  const name = localName(value);
  return name === undefined ? { kind: "url", url: value } : { kind: "local", name };
}
