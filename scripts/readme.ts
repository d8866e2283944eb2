/**
 * Writes the generated parts of the README, docs/, examples/, server.json and deno.json: tools, settings, errors, permission flags,
 * configurations, titles, benchmarks. `deno task generate` and `deno task readme` run it.
 *
 *     deno run -A scripts/readme.ts [--check]
 */
import { DETAIL_FIELDS, ERROR_CODES } from "../src/errors.ts";
import { DENO_VERSION } from "../src/version.ts";
import * as z from "zod";
import { toolReference } from "../src/mcp/reference.ts";
import { MEMORY_FLAGS, permissionFlags, serverArguments } from "../src/app/launch.ts";
import { readConfig, SETTINGS } from "../src/app/config.ts";
import { offeredTools } from "../src/mcp/offered_tools.ts";
import { TOOLSETS } from "../src/mcp/toolsets.ts";
import {
  CHECKOUT_CONFIGURATION,
  CLIENTS,
  clientSections,
  fenced,
  GENERIC,
  inspectorBlock,
} from "./client_configurations.ts";
import { SERVER_JSON } from "./server_json.ts";
import { readSaved } from "../tests/bench/saved.ts";
import { figureTables, goalsTable } from "./benchmarks.ts";
import { complain } from "./output.ts";

const PATH = new URL("../README.md", import.meta.url);
const DOCS = new URL("../docs/", import.meta.url);
const CONFIGURATIONS = new URL("../examples/client_configurations/", import.meta.url);

const FIGURES = await readSaved(new URL("benchmarks/figures.json", DOCS));

function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([name, { schema, default: fallback, unit, description }]) =>
    `| \`${name}\` | ${fallback === "" ? "" : `\`${fallback}\``} | ${range(schema)}${unit} | ${description} |`
  );
  return ["| variable | default | range, unit | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

const boundsSchema = z.object({ type: z.literal("number"), minimum: z.number(), maximum: z.number() });

/** The bounds of a setting that is a number. */
function range(schema: z.ZodType): string {
  const bounds = boundsSchema.safeParse(z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }));
  return bounds.success ? `${bounds.data.minimum}–${bounds.data.maximum} ` : "";
}

function flagsBlock(): string {
  return [
    "```sh",
    `deno run ${
      [MEMORY_FLAGS, ...permissionFlags({ project: "." })].join(" \\\n  ")
    } \\\n  src/main.ts serve`,
    "```",
  ].join("\n");
}

/** The pages with generated parts: part → text. */
const PAGES: readonly (readonly [page: URL, parts: Readonly<Record<string, string>>])[] = [
  [PATH, { "client-short": fenced("json", GENERIC) }],
  [new URL("tools.md", DOCS), {
    tools: toolReference(
      offeredTools(
        { cdmVersion: "5.4", disclosure: "open", toolsets: TOOLSETS },
        readConfig(() => undefined),
      ),
    ),
  }],
  [new URL("settings.md", DOCS), { settings: settingsTable(), flags: flagsBlock() }],
  [new URL("clients.md", DOCS), {
    clients: clientSections(),
    inspector: inspectorBlock(),
    "client-checkout": fenced("json", CHECKOUT_CONFIGURATION),
  }],
  [new URL("benchmarks.md", DOCS), { goals: goalsTable(FIGURES), figures: figureTables(FIGURES) }],
];

let stale = 0;
for (const [page, parts] of PAGES) {
  await update(page, (before) => {
    let after = before;
    for (const [name, text] of Object.entries(parts)) {
      const pattern = new RegExp(
        `(<!-- made from the code: ${name} -->\n)[\\s\\S]*?(<!-- end of ${name} -->)`,
      );
      if (!pattern.test(after)) throw new Error(`${page.pathname} has no part "${name}"`);
      after = after.replace(pattern, (_whole, open: string, close: string) => `${open}\n${text}\n\n${close}`);
    }
    return after;
  });
}
for (const { file, text } of CLIENTS) await update(new URL(file, CONFIGURATIONS), () => text);
await update(new URL("checkout.json", CONFIGURATIONS), () => CHECKOUT_CONFIGURATION);
await update(new URL("../server.json", import.meta.url), () => SERVER_JSON);
await update(new URL("errors.md", DOCS), () => errorsPage());
await update(
  new URL("decisions/README.md", DOCS),
  (page) => page.replace(/(?:^- \[\d+\. .*\n)+/m, decisions),
);
await update(new URL("../deno.json", import.meta.url), withFlags);
await update(new URL("../CONTRIBUTING.md", import.meta.url), (text) => text);
for (const { name } of Deno.readDirSync(DOCS)) {
  if (name.endsWith(".md")) await update(new URL(name, DOCS), (text) => text);
}
Deno.exit(stale > 0 ? 1 : 0);

/** A line for each record of a decision, by number. */
function decisions(): string {
  const folder = new URL("decisions/", DOCS);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => /^\d/.test(name))
    .sort();
  return names.map((name) => {
    const title = /^# (\d+)\. (.*)$/m.exec(Deno.readTextFileSync(new URL(name, folder)));
    if (Number(title?.[1]) !== Number(name.slice(0, 4))) {
      throw new Error(`${name}: its title has another number than its name`);
    }
    return `- [${title?.[1]}. ${title?.[2]}](${name})\n`;
  }).join("");
}

/** deno.json with the server's permissions in the tasks that start or compile it. */
function withFlags(config: string): string {
  const compile = [
    "deno compile",
    ...permissionFlags({ project: "." }),
    "--include src/postgres/guard/worker.ts --output dist/omcp src/main.ts",
  ];
  return config
    .replace(
      /"deno run --quiet [^"]* serve"/,
      () => quoted(["deno", ...serverArguments({ project: ".", envFile: "./.env" })]),
    )
    .replace(/"deno compile [^"]*"/, () => quoted(compile));
}

function quoted(words: readonly string[]): string {
  return JSON.stringify(words.join(" "));
}

function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { retryable, meaning, state, details }]) =>
    `| \`${code}\` | ${meaning} | ${retryable ? "yes" : "no"} | ${state} | ${
      details.map((field) => `\`${field}\``).join(", ")
    } |`
  );
  const fields = Object.entries(DETAIL_FIELDS).map(([name, { type, meaning }]) =>
    `| \`${name}\` | ${type} | ${meaning} |`
  );
  return [
    "<!-- Generated from src/errors.ts by `deno task generate`: change it there. -->",
    "",
    "# Errors",
    "",
    "Every error has a stable code. Its text says what happened, what state remains and what to do next. An error",
    "without a state of its own has the state in this table. *Retryable* says whether the same call may succeed",
    "if it is repeated; a single error may differ from its code, and says so.",
    "",
    "| code | meaning | retryable | what state remains | details |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
    "## Details",
    "",
    "Facts for a program, as JSON. Each field is optional.",
    "",
    "| field | type | meaning |",
    "| --- | --- | --- |",
    ...fields,
    "",
  ].join("\n");
}

/** Writes a document, with the pinned version of Deno; with --check reports that it is stale instead. */
async function update(path: URL, change: (text: string) => string): Promise<void> {
  const before = await Deno.readTextFile(path).catch(() => "");
  const after = change(before).replaceAll(/\bdeno@\d+\.\d+\.\d+/g, `deno@${DENO_VERSION}`);
  if (after === before) return;
  if (!Deno.args.includes("--check")) return await Deno.writeTextFile(path, after);
  stale += 1;
  const name = path.pathname.split("/").at(-1);
  await complain(`${name} is stale: run \`deno task generate\``);
}
