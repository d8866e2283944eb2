/** Which tests a call of `deno task test` runs, and in which order. */

/** The kinds of tests: folders of tests/, each with a folder for each module of src/. */
export const KINDS = ["unit", "conformance", "integration", "attacks", "faults", "fuzz"] as const;

/** Tests that one process runs. */
export interface Group {
  /** Names the group's report, too. */
  readonly name: string;
  /** Folders or files below the project's. */
  readonly paths: readonly string[];
  /** Its files run beside each other: only tests that share nothing. */
  readonly parallel?: boolean;
}

/** Groups that run one after the other; the lanes of a stage run beside each other. */
export type Lane = readonly Group[];

/** What exists below tests/, as far as the plan needs it. */
export interface TestFolders {
  /** Whether there is such a file or folder. */
  exists(path: string): boolean;
  /** The names in a folder, without hidden ones. */
  names(folder: string): string[];
  /** A file's text. */
  text(path: string): string;
}

/** Modules whose tests count for the budget of OMOP. */
const OMOP = ["cdm", "omop"];

/**
 * The whole suite, in stages. The attacks take all that a machine has to give: they run first and alone. Faults and the guest's tests mostly
 * wait for deadlines: they run beside the others, which on two cores takes half the time.
 *
 * @param folders What there is.
 */
export function wholeSuite(folders: TestFolders): readonly (readonly Lane[])[] {
  const modules = folders.names("tests/integration").sort();
  const others = modules.filter((name) => name !== "guest" && !OMOP.includes(name));
  const integration = (names: readonly string[]) => names.map((name) => `tests/integration/${name}`);
  return [
    [[{ name: "attacks", paths: ["tests/attacks"] }]],
    [
      [
        { name: "unit", paths: ["tests/unit"], parallel: true },
        { name: "integration", paths: ["tests/conformance", ...integration(others), "tests/fuzz"] },
        { name: "omop", paths: integration(OMOP) },
      ],
      [
        { name: "faults", paths: ["tests/faults"] },
        { name: "guest", paths: integration(["guest"]) },
      ],
    ],
  ];
}

/**
 * The paths that one argument stands for: a path, a kind (`attacks`), a module (`postgres`, `postgres/guard`: of every kind).
 *
 * @param argument The argument.
 * @param folders What there is.
 * @returns The paths; empty where nothing has that name.
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
 * The tests that write snapshots: the others may compare with a snapshot that is not written yet.
 *
 * @param paths Files and folders of tests.
 * @param folders What there is.
 * @returns The files among them, or in them, that have snapshots.
 */
export function snapshotTests(paths: readonly string[], folders: TestFolders): string[] {
  return paths.flatMap((path) => {
    if (path.endsWith("_test.ts")) return folders.text(path).includes(SNAPSHOT_FIXTURE) ? [path] : [];
    if (/\.\w+$/.test(path)) return [];
    return snapshotTests(
      folders.names(path).sort().map((name) => `${path.replace(/\/$/, "")}/${name}`),
      folders,
    );
  });
}

/**
 * The names that `pathsOf` knows as modules.
 *
 * @param folders What there is.
 */
export function moduleNames(folders: TestFolders): string[] {
  const names = KINDS.flatMap((kind) => folders.names(`tests/${kind}`).filter((name) => !name.includes(".")));
  return [...new Set(names)].sort();
}
