/** Checks the imports under src/ (to lower layers only, no cycle, as docs/structure.md lists them) and the length of every file. */
import * as z from "zod";
import { say } from "./output.ts";

/** Lowest layer first: a module imports only from the layers before its own, and from itself. */
const LAYERS = [
  ["version.ts", "errors.ts"],
  ["lib"],
  ["observability"],
  ["guest"],
  ["docker", "agent_protocol", "images", "omop", "exchange"],
  ["runtime"],
  ["runtime/docker"],
  ["postgres", "sandbox"],
  ["cdm"],
  ["image_setup"],
  ["mcp"],
  ["app"],
  ["cli"],
  ["main.ts"],
] as const;
/** Modules that only these modules may import, regardless of layers. */
const IMPORTERS: Readonly<Record<string, readonly string[]>> = {
  "docker": ["runtime/docker", "image_setup", "app", "cli"],
  "runtime/docker": ["app", "cli"],
};
/** Modules that others must import through their mod.ts. */
const BY_MOD: ReadonlySet<string> = new Set(["docker", "runtime", "runtime/docker", "sandbox"]);
/** A longer file states its reason in a comment with this number: "Longer than 300 lines: …". */
const MAX_LINES = 300;
const SOURCES = ["src", "tests", "scripts", "examples"];
const PAGE = "docs/structure.md";
/** A row of a table of the page: name, purpose, imports. */
const ROW = /^\| `src\/(main\.ts|[a-z_/]*[a-z_])\/?` +\|[^|]*\|([^|]*)\|$/gm;
/** Modules that every module may import, so that the page does not list them. */
const EVERYWHERE: ReadonlySet<string> = new Set(["version.ts", "errors.ts", "lib", "observability"]);
/** Where programs begin. The guard's worker is one: its parent only names it in a URL. */
const ENTRIES = [
  "src/main.ts",
  "src/cli/setup/main.ts",
  "src/cli/demo/main.ts",
  "src/cli/launch/main.ts",
  "src/postgres/guard/worker.ts",
  "scripts/readme.ts",
];

/** What `deno info --json` reports of a program's modules. */
const infoSchema = z.object({
  modules: z.array(z.object({
    specifier: z.string(),
    dependencies: z.array(z.object({
      code: z.object({ specifier: z.string().optional() }).optional(),
      type: z.object({ specifier: z.string().optional() }).optional(),
    })).default([]),
  })),
});

const root = new URL("../", import.meta.url).href;
const imports = new Map<string, ReadonlySet<string>>();
for (const entry of ENTRIES) await read(entry);
const problems = [
  ...upward(),
  ...pastMod(),
  ...cycles(),
  ...undocumented(await Deno.readTextFile(PAGE)),
  ...await unreached(),
  ...await tooLong(),
];
if (problems.length > 0) {
  await say(problems.join("\n"));
  Deno.exit(1);
}

async function read(entry: string): Promise<void> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    stderr: "null",
  }).output();
  const { modules } = infoSchema.parse(JSON.parse(new TextDecoder().decode(stdout)));
  for (const { specifier, dependencies } of modules) {
    const file = path(specifier);
    if (file === undefined) continue;
    const found = dependencies.flatMap(({ code, type }) =>
      [path(code?.specifier), path(type?.specifier)].filter((each) => each !== undefined)
    );
    imports.set(file, new Set(found));
  }
}

function path(specifier: string | undefined): string | undefined {
  return specifier?.startsWith(`${root}src/`) ? specifier.slice(root.length) : undefined;
}

/** `src/postgres/guard/guard.ts` is in `postgres`; a folder with a layer of its own, and a file beside the folders, is a module. */
function moduleOf(file: string): string {
  const [, name = file, folder] = file.split("/");
  const inner = `${name}/${folder}`;
  return LAYERS.some((modules) => modules.some((each) => each === inner)) ? inner : name;
}

function layerOf(file: string): number {
  return LAYERS.findIndex((modules) => modules.some((name) => name === moduleOf(file)));
}

function* upward(): Generator<string> {
  for (const [file, targets] of imports) {
    if (layerOf(file) < 0) yield `${file}: src/${moduleOf(file)} has no layer in scripts/structure.ts`;
    for (const target of targets) {
      const [from, to] = [moduleOf(file), moduleOf(target)];
      const allowed = layerOf(target) < layerOf(file) && (IMPORTERS[to]?.includes(from) ?? true);
      if (from === to || allowed) continue;
      yield `${file} imports ${target}: ${from} must not know ${to}`;
    }
  }
}

function* pastMod(): Generator<string> {
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const module = moduleOf(target);
      if (moduleOf(file) === module || !BY_MOD.has(module) || target === `src/${module}/mod.ts`) continue;
      yield `${file} imports ${target}: others import ${module} through its mod.ts`;
    }
  }
}

/** By depth-first search: an import of a file on the current path closes a cycle. */
function* cycles(): Generator<string> {
  const done = new Set<string>();
  for (const start of imports.keys()) {
    const trail: string[] = [];
    const pending = [{ file: start, leaving: false }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { file, leaving } = next;
      if (leaving) {
        trail.pop();
        done.add(file);
      } else if (trail.includes(file)) {
        yield `import cycle: ${[...trail.slice(trail.indexOf(file)), file].join(" → ")}`;
      } else if (!done.has(file)) {
        trail.push(file);
        pending.push({ file, leaving: true });
        for (const target of imports.get(file) ?? []) pending.push({ file: target, leaving: false });
      }
    }
  }
}

/** Differences between the modules' imports and those that the page lists. */
function* undocumented(page: string): Generator<string> {
  const listed = new Map<string, string>();
  for (const [, name = "", cell = ""] of page.matchAll(ROW)) listed.set(name, namesIn(cell));
  const found = new Map<string, Set<string>>();
  for (const [file, targets] of imports) {
    const own = moduleOf(file);
    const others = [...targets].map(moduleOf).filter((name) => name !== own && !EVERYWHERE.has(name));
    found.set(own, new Set([...found.get(own) ?? [], ...others]));
  }
  for (const [name, others] of found) {
    const actual = [...others].sort().join(", ");
    if (["version.ts", "errors.ts"].includes(name) || actual === listed.get(name)) continue;
    yield `${PAGE}: src/${name} imports ${actual || "nothing"}; the page says ${
      listed.get(name) || "nothing"
    }`;
  }
}

/** The modules that a cell of the table names; `local/` is a part of a module. */
function namesIn(cell: string): string {
  return [...cell.matchAll(/`([a-z_]+(?:\/[a-z_]+)?)`/g)].map(([, name]) => name).sort().join(", ");
}

/** Files whose imports are not checked, because nothing that runs imports them. */
async function unreached(): Promise<string[]> {
  const found: string[] = [];
  for await (const file of sources("src")) {
    if (!file.endsWith(".ts") || file.endsWith(".d.ts") || imports.has(file)) continue;
    found.push(`${file}: no program imports it: delete it, or add the program to scripts/structure.ts`);
  }
  return found.sort();
}

async function tooLong(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of SOURCES) {
    for await (const file of sources(folder)) {
      const text = await Deno.readTextFile(file);
      const lines = text.split("\n").length - 1;
      if (lines <= MAX_LINES || text.includes(`${MAX_LINES} lines`)) continue;
      found.push(
        `${file} has ${lines} lines: split it, or state in it why it is longer than ${MAX_LINES} lines`,
      );
    }
  }
  return found.sort();
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (/\.(ts|py)$/.test(name)) yield path;
  }
}
