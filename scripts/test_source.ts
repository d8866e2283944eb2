/**
 * Finds a test by its name and hashes what it asserts, so that a change can be detected.
 *
 * A test's own hash covers its statement (with the loop around it) and every declaration of its file that it uses. What it uses from other
 * files under `tests/` has hashes of its own: declarations with cases (NAMES_IN_CAPITALS) or assertions, embedded Python, and files that it
 * reads by their URL. A Python test's hash covers its file without the other tests. Comments, white space and the product's own code do not
 * count.
 */
import { createHash } from "node:crypto";
import type { ReadText } from "./read_text.ts";
import { mask, type MaskedText, type Statement, statements } from "./source_text.ts";

const HASH_DIGITS = 12;
const CASES = /^[A-Z][A-Z0-9_]+$/;
const ASSERTS = /\bassert/i;
const TESTS = "tests/";

/** The hashes of a test. */
export interface TestHash {
  readonly own: string;
  /** The hashes of the texts that it shares with tests of other files, by `path: name`. */
  readonly shared: Readonly<Record<string, string>>;
}

interface SourceFile {
  readonly path: string;
  readonly masked: MaskedText;
  readonly statements: readonly Statement[];
}

/** What belongs to one test. */
interface Gathered {
  /** The test's own file. */
  readonly root: string;
  readonly texts: string[];
  readonly shared: Record<string, string>;
  readonly seen: Set<string>;
}

interface UsedImport {
  readonly text: string;
  /** Those of its names that are used. */
  readonly names: readonly string[];
}

/** Finds tests in files; it reads each file once. */
export class TestSources {
  readonly #read: ReadText;
  readonly #files = new Map<string, SourceFile | undefined>();

  /** @param read Reads a file. */
  constructor(read: ReadText) {
    this.#read = read;
  }

  /**
   * The names of a file's tests as in its text: for a template, its source.
   *
   * @param path A test file, `.ts` or `.py`.
   */
  names(path: string): string[] {
    if (path.endsWith(".py")) {
      return [...(this.#read(path) ?? "").matchAll(/^ +def (test_\w+)\(/gm)].map(([, name]) => name ?? "");
    }
    const file = this.#file(path);
    return file === undefined ? [] : testCalls(file.masked).map(({ name }) => name);
  }

  /**
   * The hashes of a test, or undefined if the file has no such test.
   *
   * @param path A test file.
   * @param name The test's name, as in the file's text.
   */
  hash(path: string, name: string): TestHash | undefined {
    if (path.endsWith(".py")) return this.#hashPython(path, name);
    const file = this.#file(path);
    const call = file && testCalls(file.masked).find((one) => one.name === name);
    const statement = call && file.statements.find(({ start, end }) => start <= call.at && call.at < end);
    if (statement === undefined || file === undefined) return undefined;
    const gathered: Gathered = { root: path, texts: [], shared: {}, seen: new Set() };
    this.#gather(file, statement, gathered);
    return { own: digest(gathered.texts), shared: gathered.shared };
  }

  /** A Python test's hash covers its whole file without the other tests, because helpers assert too. */
  #hashPython(path: string, name: string): TestHash | undefined {
    const lines = (this.#read(path) ?? "").split("\n");
    const kept: string[] = [];
    let found = false;
    let skipped: number | undefined;
    for (const line of lines) {
      const indent = line.search(/\S/);
      if (indent === -1 || line[indent] === "#") continue;
      if (skipped !== undefined && indent > skipped) continue;
      skipped = undefined;
      const test = /^ +def (test_\w+)\(/.exec(line)?.[1];
      if (test === name) found = true;
      else if (test !== undefined) {
        skipped = indent;
        continue;
      }
      kept.push(line);
    }
    return found ? { own: digest([kept.join("\n")]), shared: {} } : undefined;
  }

  /** Collects a statement's text and the texts that it depends on. */
  #gather(file: SourceFile, statement: Statement, gathered: Gathered): void {
    const key = `${file.path}:${statement.start}`;
    if (gathered.seen.has(key)) return;
    gathered.seen.add(key);
    const code = file.masked.code.slice(statement.start, statement.end);
    const text = file.masked.uncommented.slice(statement.start, statement.end);
    if (file.path === gathered.root) gathered.texts.push(text);
    else if (ASSERTS.test(code) || statement.names.some((name) => CASES.test(name))) {
      gathered.shared[`${file.path}: ${statement.names.join(", ")}`] = digest([text]);
    }
    for (const [, relative = ""] of text.matchAll(/new URL\("(\.[^"]+)", import\.meta\.url\)/g)) {
      this.#addData(resolve(relative, file.path), gathered);
    }
    const used = new Set(code.match(/[\w$]+/g));
    for (const other of file.statements) {
      const names = other.names.filter((name) => used.has(name));
      if (names.length === 0 || other === statement) continue;
      const text = file.masked.text.slice(other.start, other.end);
      if (text.startsWith("import")) this.#gatherImport(file.path, { text, names }, gathered);
      else this.#gather(file, other, gathered);
    }
  }

  #gatherImport(from: string, { text, names }: UsedImport, gathered: Gathered): void {
    const specifier = /\bfrom "(\.[^"]+)"/.exec(text)?.[1];
    if (specifier === undefined) return;
    const path = resolve(specifier, from);
    if (!path.startsWith(TESTS)) return;
    if (!path.endsWith(".ts")) return this.#addData(path, gathered);
    const file = this.#file(path);
    for (const local of names) {
      const name = new RegExp(`([\\w$]+) as ${local}\\b`).exec(text)?.[1] ?? local;
      const declared = file?.statements.find((one) => one.names.includes(name));
      if (file !== undefined && declared !== undefined) this.#gather(file, declared, gathered);
    }
  }

  /** Adds a file below tests/ that is not a module: a probe, vectors. */
  #addData(path: string, gathered: Gathered): void {
    if (!path.startsWith(TESTS) || path.endsWith(".ts") || !/\.\w+$/.test(path)) return;
    const text = this.#read(path);
    if (text !== undefined) gathered.shared[path] = digest([text]);
  }

  #file(path: string): SourceFile | undefined {
    if (!this.#files.has(path)) {
      const text = this.#read(path);
      const masked = text === undefined ? undefined : mask(text);
      this.#files.set(path, masked && { path, masked, statements: statements(masked) });
    }
    return this.#files.get(path);
  }
}

/** Calls of `Deno.test` whose name is a literal; not those of `Deno.test.ignore` and `.only`. */
function testCalls({ text, code }: MaskedText): { readonly name: string; readonly at: number }[] {
  return [...code.matchAll(/\bDeno\.test\(\s*(?:\{\s*name:\s*)?(["'`])/g)].flatMap((found) => {
    const quote = found.index + found[0].length;
    const end = literalEnd(text, quote, found[1] ?? "");
    return [{ name: text.slice(quote, end), at: found.index }];
  });
}

/** Resolves a relative path in a file to a path relative to the project's folder. */
function resolve(relative: string, from: string): string {
  return new URL(relative, `file:///${from}`).pathname.slice(1);
}

function literalEnd(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote) at += text[at] === "\\" ? 2 : 1;
  return at;
}

function digest(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.replace(/\s+/g, " ").trim()}\0`);
  return hash.digest("hex").slice(0, HASH_DIGITS);
}
