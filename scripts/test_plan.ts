/** Which tests a call of `deno task test` runs, and in which order. */

/** The kinds of tests: folders of tests/, each with a folder for each module of src/. */
export const KINDS = ["unit", "conformance", "integration", "attacks", "faults", "fuzz"] as const;

/** Tests that one process runs. */
export interface Group {
  /** Also the name of the group's report. */
  readonly name: string;
  /** Folders or files, relative to the project's folder. */
  readonly paths: readonly string[];
  /** How many of its files run at a time: more than one only if they share nothing. @default 1 */
  readonly jobs?: number;
}

/** Groups that run one after another; the lanes of a stage run in parallel. */
export type Lane = readonly Group[];

/** The files and folders below tests/ that the plan is derived from. */
export interface TestFolders {
  /** Whether a file or folder exists. */
  exists(path: string): boolean;
  /** The names in a folder, without hidden ones. */
  names(folder: string): string[];
  /** A file's text. */
  text(path: string): string;
}

/** More than there are processors, because most slow unit tests wait for something. */
const UNIT_JOBS = 4;
/** Tests of attacks wait for the timeouts of their cells about half of the time. */
const ATTACK_JOBS = 2;
/** Tests of faults wait for deadlines nearly all the time. */
const FAULT_JOBS = 4;
/** Tests of integration wait for containers and programs that they start, about half of the time; with three, two cores have no rest. */
const INTEGRATION_JOBS = 2;

/** The unit tests. */
export const UNIT: Group = { name: "unit", paths: ["tests/unit"], jobs: UNIT_JOBS };

/** Modules whose tests count towards OMOP's budget. */
const OMOP = ["cdm", "omop"];

/**
 * Modules whose tests build images or the program. One program at a time may build our images in an engine, and the faults of first use do
 * so as well: so these tests run after the faults and not beside them.
 */
const BUILDS = ["image_setup", "images", "package"];

/** In tests that measure the memory of their own process: all files of a group share one process. */
const OWN_MEMORY = "Deno.memoryUsage";

/**
 * The whole suite, in stages. The attacks use the whole machine, so they run first, without other groups. The lanes of the second stage take about as
 * long as each other.
 *
 * @param folders The tests' folders.
 */
export function wholeSuite(folders: TestFolders): readonly (readonly Lane[])[] {
  const modules = folders.names("tests/integration").sort();
  const builds = modules.filter((name) => BUILDS.includes(name));
  const others = modules.filter((name) => name !== "guest" && ![...OMOP, ...BUILDS].includes(name));
  const integration = (names: readonly string[]) => names.map((name) => `tests/integration/${name}`);
  const shared = ["tests/conformance", ...integration(others), "tests/fuzz"];
  const measured = testsWith(OWN_MEMORY, shared, folders);
  return [
    [[{ name: "attacks", paths: ["tests/attacks"], jobs: ATTACK_JOBS }]],
    [
      [{ name: "integration", paths: withoutFiles(shared, measured, folders), jobs: INTEGRATION_JOBS }],
      [
        { name: "omop", paths: integration(OMOP) },
        ...(measured.length > 0 ? [{ name: "memory", paths: measured }] : []),
        { name: "guest", paths: integration(["guest"]) },
      ],
      [
        { name: "faults", paths: ["tests/faults"], jobs: FAULT_JOBS },
        ...(builds.length > 0
          ? [{ name: "builds", paths: integration(builds), jobs: INTEGRATION_JOBS }]
          : []),
        UNIT,
      ],
    ],
  ];
}

/** The paths without some files: Deno's --ignore misses files in folders of folders if several paths are given. */
function withoutFiles(
  paths: readonly string[],
  files: readonly string[],
  folders: TestFolders,
): readonly string[] {
  return paths.flatMap((path) => {
    if (files.includes(path)) return [];
    if (!files.some((file) => file.startsWith(`${path}/`))) return [path];
    const names = folders.names(path).filter((name) => !name.includes(".") || name.endsWith("_test.ts"));
    return withoutFiles(names.sort().map((name) => `${path}/${name}`), files, folders);
  });
}

/**
 * The paths that one argument means: a path, a kind (`attacks`) or a module of every kind (`postgres`, `postgres/guard`).
 *
 * @param argument The argument.
 * @param folders The tests' folders.
 * @returns The paths; empty if nothing has that name.
 */
export function pathsOf(argument: string, folders: TestFolders): string[] {
  const name = argument.replace(/\/+$/, "");
  if (name.startsWith("tests/") || name.startsWith("/") || name.startsWith("./")) {
    return folders.exists(name) ? [name] : [];
  }
  if (KINDS.some((kind) => kind === name)) return [`tests/${name}`];
  return KINDS.map((kind) => `tests/${kind}/${name}`).filter((path) => folders.exists(path));
}

/** Every test that has a snapshot imports it. */
const SNAPSHOT_FIXTURE = "fixtures/snapshot.ts";

/**
 * The tests that write snapshots: other tests may read a snapshot before it is written.
 *
 * @param paths Files and folders of tests.
 * @param folders The tests' folders.
 * @returns The files, given or within the folders, that have snapshots.
 */
export function snapshotTests(paths: readonly string[], folders: TestFolders): string[] {
  return testsWith(SNAPSHOT_FIXTURE, paths, folders);
}

/** The files of tests, given or within the folders, whose text contains `text`. */
function testsWith(text: string, paths: readonly string[], folders: TestFolders): string[] {
  return paths.flatMap((path) => {
    if (path.endsWith("_test.ts")) return folders.text(path).includes(text) ? [path] : [];
    if (/\.\w+$/.test(path)) return [];
    const names = folders.names(path).sort();
    return testsWith(text, names.map((name) => `${path.replace(/\/$/, "")}/${name}`), folders);
  });
}

/**
 * The names that `pathsOf` accepts as modules.
 *
 * @param folders The tests' folders.
 */
export function moduleNames(folders: TestFolders): string[] {
  const names = KINDS.flatMap((kind) => folders.names(`tests/${kind}`).filter((name) => !name.includes(".")));
  return [...new Set(names)].sort();
}
