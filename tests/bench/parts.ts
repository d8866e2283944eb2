/** The parts of the benchmark, and which of them run without being named. */
import { benchCell } from "./cell.ts";
import { benchConcepts } from "./concepts.ts";
import { benchCreate } from "./create.ts";
import { benchCreateThroughMcp } from "./create_mcp.ts";
import { DATABASE_ATTACKS } from "./database_attacks.ts";
import { benchDisclosure } from "./disclosure.ts";
import { benchExchange } from "./exchange.ts";
import { benchLive } from "./live.ts";
import { benchManyCells } from "./many_cells.ts";
import { benchNeighbour } from "./neighbour.ts";
import { benchOverrun } from "./overrun.ts";
import { benchPackages } from "./packages.ts";
import { benchPeers } from "./peers/main.ts";
import { benchPrinted } from "./printed.ts";
import type { Report } from "./report.ts";
import type { OpenSandbox, Rig } from "./rig.ts";
import { benchRows } from "./rows.ts";
import { SANDBOX_ATTACKS } from "./sandbox_attacks.ts";
import { benchStart } from "./start.ts";
import { benchMemory, benchStream } from "./stream.ts";
import { benchTypedQuery } from "./typed_query.ts";

/** One part. */
export interface Part {
  /** What `--help` says of it. */
  readonly about: string;
  /** What its arguments are, as in `[50]`. @default it has none */
  readonly takes?: string;
  /** About how long it takes on two cores without other work, in minutes. */
  readonly minutes: number;
  /** Whether it runs when no part is named: together they print every figure that has a goal. */
  readonly always?: true;
  /**
   * Measures.
   *
   * @param rig The bench's engine and server parts.
   * @param report Receives the figures.
   * @param args The arguments after the part's name.
   */
  readonly run: (rig: Rig, report: Report, args: readonly string[]) => Promise<void>;
}

/** Name → part, in the order in which they run. */
export const PARTS: Readonly<Record<string, Part>> = {
  create: {
    about:
      "creations through MCP, 20 times (or fewer): warm, cold, with a first cell, ten at once; the steps of a cold one",
    takes: "[3]",
    minutes: 2,
    always: true,
    run: async (rig, report, [rounds]) => {
      await benchCreateThroughMcp(rig, report, rounds);
      await benchCreate(rig, report);
    },
  },
  cells: {
    about: "a trivial cell through MCP and beside its floors; what follows an endless cell",
    minutes: 1,
    always: true,
    run: async (rig, report) => {
      await withSandbox(rig, (opened) => benchCell(rig, opened, report));
      await benchOverrun(rig, report);
    },
  },
  rows: {
    about:
      "1,000,000 (or fewer) rows as a DataFrame: fetchall, read_sql, ADBC, omcp.sql, beside the same COPY",
    takes: "[100000]",
    minutes: 2,
    always: true,
    run: (rig, report, [count]) => withSandbox(rig, (opened) => benchRows(rig, opened, report, count)),
  },
  streams: {
    about: "100 MB of one query, and the server's memory beside a slow reader of 500 MB",
    minutes: 1,
    always: true,
    run: async (rig, report) => {
      await withSandbox(rig, (opened) => benchStream(rig, opened, report));
      await benchMemory(rig, report);
    },
  },
  server: {
    about: "start of a server; 100 MB that a cell prints",
    minutes: 1,
    always: true,
    run: async (rig, report) => {
      await benchStart(rig, report);
      await benchPrinted(rig, report);
    },
  },
  live: {
    about:
      "creations and cells beside 1, 50 and 200 (or fewer) live sandboxes; an idle server and its memory",
    takes: "[50]",
    minutes: 3,
    always: true,
    run: (rig, report, [most]) => benchLive(rig, report, most),
  },
  peers: {
    about: "other programs on the same work, installed for this from a package index; also as --peers",
    takes: "[ipykernel …]",
    minutes: 7,
    run: benchPeers,
  },
  "sandbox-attacks": {
    about: "how attacks by code slow a neighbour",
    takes: '["a fork bomb" …]',
    minutes: 8,
    run: (rig, report, names) => benchNeighbour(rig, SANDBOX_ATTACKS, report, names),
  },
  "database-attacks": {
    about: "how attacks on the database slow a neighbour",
    takes: '["big results" …]',
    minutes: 2,
    run: (rig, report, names) => benchNeighbour(rig, DATABASE_ATTACKS, report, names),
  },
  "typed-query": {
    about: "typed queries on 100,000 (or fewer) persons, beside psql",
    takes: "[10000]",
    minutes: 5,
    run: benchTypedQuery,
  },
  concepts: {
    about: "search on 700,000 generated concepts, or as many as all of Athena's, which takes 15 min",
    takes: "[7000000]",
    minutes: 2,
    run: (_, report, counts) => benchConcepts(report, counts),
  },
  disclosure: {
    about: "aggregate mode beside open on 100,000 (or fewer) persons, and a caller's ledger",
    takes: "[10000]",
    minutes: 2,
    run: (_, report, counts) => benchDisclosure(report, counts),
  },
  exchange: {
    about: "files between the exchange folder and a sandbox",
    minutes: 1,
    run: benchExchange,
  },
  packages: {
    about: "installations, from the package index and from the cache",
    minutes: 1,
    run: benchPackages,
  },
  "many-cells": {
    about: "memory over 20,000 (or more) cells of one sandbox",
    takes: "[100000]",
    minutes: 3,
    run: (_, report, names) => benchManyCells(report, names),
  },
};

async function withSandbox(rig: Rig, measure: (opened: OpenSandbox) => Promise<void>): Promise<void> {
  const opened = await rig.openSandbox();
  try {
    await measure(opened);
  } finally {
    await opened.sandbox.remove("removed", "the bench has measured it");
  }
}
