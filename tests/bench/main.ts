/**
 * The benchmark: floors and ratios of one run. Times depend on the machine; ratios describe the program.
 *
 *     deno task bench                                            all of it
 *     deno task bench program                                    creation, cells, rows, streams, overrun, memory
 *     deno task bench server                                     start of a server, 100 MB printed
 *     deno task bench live [50]                                  beside 1, 50 and 200 live sandboxes, or as many as fit
 *     deno task bench create                                     creations through MCP: warm, cold, with a first cell, ten at once
 *     deno task bench many-cells [5000]                          memory over 100,000 (or fewer) cells of one sandbox
 *     deno task bench exchange                                   how fast files pass between the exchange folder and a sandbox
 *     deno task bench packages                                   installations, from the index and from the cache
 *     deno task bench database-attacks ["big results" …]         how attacks on the database slow a neighbour
 *     deno task bench sandbox-attacks ["a fork bomb" …]          how attacks by code slow a neighbour
 *     deno task bench --peers                                    other programs for the same work, where they can be installed
 *     deno task bench disclosure                                 aggregate mode beside open, and a caller's ledger
 *     deno task bench typed-query [10000]                        typed queries on 100,000 (or fewer) persons, beside psql
 *     deno task bench concepts [100000]                          search on 7,000,000 (or fewer) generated concepts
 *
 * `--save FILE` also writes the figures as JSON.
 *
 * Exits 1 only for a defect: a trivial cell above 10 ms, a server that buffers a whole result or file, a transfer of a file below
 * 100 MB/s, memory that grows with the number of cells, a neighbour that needs more than twice its quiet time plus 15 ms under an
 * attack, a search of concepts whose p95 is above 50 ms, a typed query above psql's time + 10 % + 5 ms, or aggregate mode beyond three times the time of open, 20 MB or 100 ms a number.
 */
import { benchCell } from "./cell.ts";
import { benchConcepts } from "./concepts.ts";
import { benchCreate } from "./create.ts";
import { benchCreateThroughMcp } from "./create_mcp.ts";
import { DATABASE_ATTACKS } from "./database_attacks.ts";
import { benchDisclosure } from "./disclosure.ts";
import { benchManyCells } from "./many_cells.ts";
import { benchExchange } from "./exchange.ts";
import { benchNeighbour } from "./neighbour.ts";
import { benchOverrun } from "./overrun.ts";
import { benchPackages } from "./packages.ts";
import { benchPeers } from "./peers/main.ts";
import { Report } from "./report.ts";
import { Rig } from "./rig.ts";
import { benchRows } from "./rows.ts";
import { SANDBOX_ATTACKS } from "./sandbox_attacks.ts";
import { benchLive } from "./live.ts";
import { benchPrinted } from "./printed.ts";
import { benchStart } from "./start.ts";
import { benchMemory, benchStream } from "./stream.ts";
import { benchTypedQuery } from "./typed_query.ts";

/** A run that takes longer hangs. */
const WATCHDOG_MS = 3_600_000;

const PARTS: Readonly<Record<string, (names: readonly string[]) => Promise<void>>> = {
  create: () => benchCreateThroughMcp(rig, report),
  program: benchProgram,
  server: async () => {
    await benchStart(rig, report);
    await benchPrinted(rig, report);
  },
  live: ([most]) => benchLive(rig, report, most),
  packages: () => benchPackages(rig, report),
  "many-cells": (names) => benchManyCells(report, names),
  concepts: (counts) => benchConcepts(report, counts),
  disclosure: () => benchDisclosure(report),
  "typed-query": (counts) => benchTypedQuery(rig, report, counts),
  exchange: () => benchExchange(rig, report),
  "database-attacks": (names) => benchNeighbour(rig, DATABASE_ATTACKS, report, names),
  "--peers": () => benchPeers(rig, report),
  "sandbox-attacks": (names) => benchNeighbour(rig, SANDBOX_ATTACKS, report, names),
};

const report = new Report((line) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`)));
const rig = await Rig.open(crypto.randomUUID());

/** `--save FILE` anywhere, and the others. */
function benchArguments(
  given: readonly string[],
): { readonly save?: string; readonly args: readonly string[] } {
  const at = given.indexOf("--save");
  const save = at < 0 ? undefined : given[at + 1];
  return save === undefined ? { args: given } : { save, args: given.toSpliced(at, 2) };
}

async function giveUp(): Promise<never> {
  await rig.close();
  Deno.exit(2);
}

async function benchProgram(): Promise<void> {
  await benchCreate(rig, report);
  const opened = await rig.openSandbox();
  await benchCell(rig, opened, report);
  await benchRows(rig, opened, report);
  await benchStream(rig, opened, report);
  await opened.sandbox.remove("removed", "the bench has measured it");
  await benchOverrun(rig, report);
  await benchMemory(rig, report);
}

for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => void giveUp());
const watchdog = setTimeout(() => void giveUp(), WATCHDOG_MS);
const started = performance.now();
try {
  const { serverVersion } = await rig.engine.info();
  report.machine(
    `Deno ${Deno.version.deno}, engine ${serverVersion} (API ${rig.engine.apiVersion}), ` +
      `${navigator.hardwareConcurrency} cores, load ${Deno.loadavg()[0]?.toFixed(1)}, ${rig.image}`,
  );
  const { save, args: [part, ...names] } = benchArguments(Deno.args);
  for (const [name, run] of Object.entries(PARTS)) {
    // Peers are installed from a package index only where that is asked for.
    if (part === name || (part === undefined && !name.startsWith("--"))) await run(names);
  }
  if (save !== undefined) await report.save(save);
} finally {
  await rig.close();
  clearTimeout(watchdog);
}
report.line(`\nIn ${((performance.now() - started) / 1000).toFixed(0)} s.`);
report.end();
Deno.exit(report.defects.length === 0 ? 0 : 1);
