/** Reads the rows of docs/security.md and finds problems with them. */
import type { TestSources } from "./test_source.ts";

/** How to approve a changed test. */
const APPROVE = "review the change, then run `deno task security --update`";

/** What the check needs of the page. */
export interface SecurityPage {
  /** The numbers of the promises that have a section, in the page's order. */
  readonly promises: readonly number[];
  readonly requirements: readonly Requirement[];
}

/** One row. */
export interface Requirement {
  /** Such as `P2.1`: the promise and a number that is never reused. */
  readonly id: string;
  readonly tests: readonly TestReference[];
}

/** A test, by its file and its name in the file's text. */
export interface TestReference {
  readonly path: string;
  readonly name: string;
}

/** The approved state of the table and its tests. */
export interface Approved {
  readonly requirements: readonly string[];
  /** The hash of each listed test, by `path: name`. */
  readonly tests: Readonly<Record<string, string>>;
  /** The hash of each text that tests share. */
  readonly shared: Readonly<Record<string, string>>;
}

/**
 * Reads the promises, which are the sections titled `Promise N: …`, and the requirements, which are table rows whose first cell is an id
 * and whose third cell lists tests, as a link to the file followed by the tests' names in quotes.
 *
 * @param markdown The page.
 */
export function readPage(markdown: string): SecurityPage {
  const promises = [...markdown.matchAll(/^## Promise (\d+):/gm)].map(([, number]) => Number(number));
  const requirements = markdown.split("\n").flatMap((line) => {
    const [, id, , cell] = line.split(/(?<!\\)\|/).map((part) => part.trim());
    if (id === undefined || !/^P\d+\.\d+$/.test(id)) return [];
    return [{ id, tests: references(cell ?? "") }];
  });
  return { promises, requirements };
}

function references(cell: string): TestReference[] {
  const files = cell.matchAll(/\[[^\]]*\]\(\.\.\/(tests\/[^)#]+)\)([^[]*)/g);
  return [...files].flatMap(([, path = "", names = ""]) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({ path, name }))
  );
}

/**
 * Compares the rows with the tests and with the approved state.
 *
 * @param page The promises and the rows.
 * @param sources The tests.
 * @param approved The approved state; undefined accepts every hash.
 * @returns The problems, a line each, and the current state.
 */
export function checkTable(
  { promises, requirements }: SecurityPage,
  sources: TestSources,
  approved?: Approved,
): { readonly problems: string[]; readonly current: Approved } {
  const problems: string[] = [];
  const ids = requirements.map(({ id }) => id);
  const tests: Record<string, string> = {};
  const shared: Record<string, string> = {};
  const last = Math.max(1, ...promises, ...ids.map(promiseOf));
  for (let promise = 1; promise <= last; promise += 1) {
    if (!promises.includes(promise)) problems.push(`Promise ${promise} has no section`);
    if (!ids.some((id) => promiseOf(id) === promise)) problems.push(`Promise ${promise} has no requirement`);
  }
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => problems.push(`Duplicate id ${id}`));
  for (const { id, tests: listed } of requirements) {
    if (listed.length === 0) problems.push(`${id} lists no test`);
    for (const { path, name } of listed) {
      const hash = sources.hash(path, name);
      if (hash === undefined) {
        problems.push(`${id}: ${path} has no test "${name}"${others(sources, path)}`);
        continue;
      }
      tests[`${path}: ${name}`] = hash.own;
      Object.assign(shared, hash.shared);
    }
  }
  const current = { requirements: ids.toSorted(byNumber), tests: sorted(tests), shared: sorted(shared) };
  if (approved !== undefined) problems.push(...changes(current, approved));
  return { problems, current };
}

function promiseOf(id: string): number {
  return Number(id.slice(1).split(".")[0]);
}

function others(sources: TestSources, path: string): string {
  const names = sources.names(path);
  return names.length === 0
    ? ": the file is missing or has no tests"
    : `; it has ${names.map((name) => `\n    "${name}"`).join("")}`;
}

function changes(current: Approved, approved: Approved): string[] {
  const known = new Set(current.requirements);
  const found = approved.requirements.filter((id) => !known.has(id)).map((id) =>
    `${id} was approved and no longer exists: restore it, or ${APPROVE}`
  );
  const before = new Set(approved.requirements);
  for (const id of current.requirements) if (!before.has(id)) found.push(`${id} is new: ${APPROVE}`);
  for (const kind of ["tests", "shared"] as const) {
    for (const [name, hash] of Object.entries(current[kind])) {
      if (approved[kind][name] === undefined) found.push(`Not approved yet: ${name}: ${APPROVE}`);
      else if (approved[kind][name] !== hash) {
        found.push(`Changed since it was approved: ${name}: ${APPROVE}`);
      }
    }
    for (const name of Object.keys(approved[kind])) {
      if (current[kind][name] === undefined) {
        found.push(`Approved, and no longer listed, used or existing: ${name}: restore it, or ${APPROVE}`);
      }
    }
  }
  return found;
}

function sorted(tests: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tests).toSorted(([a], [b]) => a < b ? -1 : 1));
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
