/**
 * Computes what the numbers of aggregate mode reveal, with solvers (OR-Tools, in a virtual environment of their own), and with typed queries
 * of databases (which needs the engine).
 *
 *     deno task fuzz:disclosure [--tables 1000] [--groups 3] [--targets 40] [--seed 7]
 *
 * Exits with 1 where they reveal more than docs/disclosure.md says.
 */
import { parseArgs } from "node:util";
import { PRESETS } from "../../../src/cdm/disclosure/rules.ts";
import { say } from "../../../scripts/output.ts";
import { pythonEnvironment } from "../../../scripts/programs.ts";
import { askedGroup } from "./reconstruct.ts";
import { attackedByQueries, isMoreThanChance } from "./queries.ts";
import { askedTable } from "./tables.ts";

const { values } = parseArgs({
  options: {
    tables: { type: "string", default: "1000" },
    groups: { type: "string", default: "3" },
    targets: { type: "string", default: "40" },
    seed: { type: "string", default: "7" },
  },
});
const seed = Number(values.seed);
let failed = false;
for (const name of ["sample", "gibleed"] as const) {
  await say(`== sexes of single persons by typed queries, ${name}, cms`);
  await attackByQueries(name, Number(values.targets));
}
const environment = await pythonEnvironment(
  ["ortools==9.15.6755"],
  "attacks on the numbers of aggregate mode need it",
);
for (const preset of ["ohdsi", "cms"] as const) {
  await say(`== ranges of withheld cells, ${preset}`);
  await solve("ranges.py", Number(values.tables), (at) => askedTable(PRESETS[preset], seed * 1_000_003 + at));
}
for (const others of [0, 1_000]) {
  await say(`== bits of 80 persons beside ${others} others, cms`);
  await solve(
    "reconstruct.py",
    Number(values.groups),
    (at) => askedGroup(PRESETS.cms, seed * 1_000 + at, { others }),
  );
}
Deno.exit(failed ? 1 : 0);

/** Attacks a database, if there is any. @param name Which. @param count How many targets; 0: none. */
async function attackByQueries(name: "sample" | "gibleed", count: number): Promise<void> {
  const found = count === 0 ? undefined : await attackedByQueries(name, { count, seed });
  if (found === undefined) return await say("not attacked: no targets, or no ../shared/data");
  for (const one of found) {
    const { attack, targets, answered, seen, right } = one;
    await say(`${attack}: ${right} of ${targets} guessed; ${answered} with numbers, ${seen} seen`);
    if (isMoreThanChance(one)) failed = true;
  }
}

/** Gives a solver its cases, a line each. @param program Its file here. @param count Of cases. @param make Makes one, given its number. */
async function solve(program: string, count: number, make: (at: number) => unknown): Promise<void> {
  const child = new Deno.Command(`${environment}/bin/python`, {
    args: [new URL(program, import.meta.url).pathname],
    stdin: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  for (let at = 0; at < count; at += 1) {
    await input.write(new TextEncoder().encode(`${JSON.stringify(make(at))}\n`));
  }
  await input.close();
  if (!(await child.status).success) failed = true;
}
