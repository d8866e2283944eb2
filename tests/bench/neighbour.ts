/** How one sandbox slows another: the neighbour's `select 1` and `1+1`, quiet and under attack in turn, in one run, on a real server. */
import { RawClient } from "../fixtures/mcp/raw_client.ts";
import { PlainNeighbour } from "./plain_neighbour.ts";
import type { Report, Row } from "./report.ts";
import type { Rig } from "./rig.ts";
import { percentile } from "./stats.ts";

const ROUNDS = 3;
/** The neighbour's queries and cells per round, once without and once with the attack. */
const QUERIES = 40;
const CELLS = 20;
/** The plain container's answers per round, likewise. */
const ANSWERS = 60;
/** The time that an attack needs for its connections or processes, in milliseconds. */
const RAMP_MS = 500;
/** How many quantiles of a series are saved: there are hundreds of series. */
const SAVED_FIGURES = 21;
/** The limit under attack: this factor of the quiet time, plus this allowance. */
const FACTOR = 2;
const ALLOWANCE_MS = 15;

/** What is measured, and its name. */
const COLUMNS = [["query", "select 1"], ["cell", "1+1"], ["plain", "floor"]] as const;

const PREPARE = "import psycopg, time\nheld = psycopg.connect(autocommit=True)";
const ASK = `
def ask():
    begun = time.perf_counter(); held.execute("select 1").fetchone(); return (time.perf_counter() - begun) * 1000
print("took", *("%.3f" % ask() for _ in range(${QUERIES})))`;

/** A cell that the attacker repeats during the measurement. */
export interface Attack {
  readonly name: string;
  readonly code: string;
  /** The same for a plain container, without an end. @default there is no floor to measure */
  readonly plainCode?: string | undefined;
  /** The timeout of a cell that does not end by itself, in seconds. */
  readonly timeout: number;
  /** What its result must match. */
  readonly expect: RegExp;
}

/** Attacks of one kind, and the cell that the attacker runs before them. */
export interface Attacks {
  readonly title: string;
  readonly prepare: string;
  readonly attacks: readonly Attack[];
}

interface Figures {
  readonly query: number[];
  readonly cell: number[];
  /** The floor: answers of a plain container, while another one attacks. */
  readonly plain: number[];
}

/**
 * Measures a neighbour under attacks, and marks a p95 above 2 × quiet + 15 ms as a defect.
 *
 * @param rig The bench's engine and image, for the floor.
 * @param attacks The attacks.
 * @param report Receives the figures.
 * @param names The beginnings of the names of the attacks to run. @default all
 */
export async function benchNeighbour(
  rig: Rig,
  { title, prepare, attacks }: Attacks,
  report: Report,
  names: readonly string[] = [],
): Promise<void> {
  const chosen = attacks.filter(({ name }) =>
    names.length === 0 || names.some((part) => name.startsWith(part))
  );
  if (chosen.length === 0) throw new Error(`No such attack: choose from ${attacks.map(({ name }) => name)}`);
  const client = await RawClient.start({ OMCP_DATABASE_URL: "sample" });
  const plain = await PlainNeighbour.start(rig);
  try {
    const [attacker, neighbour] = [await client.create(), await client.create()];
    await runOk(client, attacker, prepare);
    await runOk(client, neighbour, PREPARE);
    // The first query and cell are slow: imports, the grammar, code that is not compiled yet.
    await measure(client, neighbour, { query: [], cell: [], plain: [] });
    report.line(`\n${title}; p95 in ms, quiet → under attack; floor: between plain containers`);
    const rows: Row[] = [];
    for (const attack of chosen) {
      const quiet: Figures = { query: [], cell: [], plain: [] };
      const loud: Figures = { query: [], cell: [], plain: [] };
      let ran = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        await measure(client, neighbour, quiet);
        const running = new RepeatedCell(client, attacker, attack);
        await new Promise((resolve) => setTimeout(resolve, RAMP_MS));
        await measure(client, neighbour, loud);
        ran += await running.stop();
        if (attack.plainCode !== undefined) await measureFloor(plain, attack.plainCode, { quiet, loud });
      }
      if (ran === 0) throw new Error(`No cell of the attack ${attack.name} ran: there is nothing to compare`);
      show(report, attack.name, { quiet, loud, ran });
      rows.push(...rowsOf(attack.name, { quiet, loud }));
      report.keep(title, rows, SAVED_FIGURES);
    }
  } finally {
    await Promise.allSettled([client.end(), plain.stop()]);
  }
}

async function measureFloor(
  plain: PlainNeighbour,
  code: string,
  { quiet, loud }: { readonly quiet: Figures; readonly loud: Figures },
): Promise<void> {
  for (let answer = 0; answer < ANSWERS; answer += 1) quiet.plain.push(await plain.ask());
  const stop = await plain.attack(code);
  try {
    await new Promise((resolve) => setTimeout(resolve, RAMP_MS));
    for (let answer = 0; answer < ANSWERS; answer += 1) loud.plain.push(await plain.ask());
  } finally {
    await stop();
  }
}

/** Repeats a cell. */
class RepeatedCell {
  readonly #done: Promise<number>;
  #stopped = false;

  constructor(client: RawClient, sandbox: string, { name, code, timeout, expect }: Attack) {
    this.#done = (async () => {
      let ran = 0;
      do {
        const { text } = await client.run(sandbox, code, timeout);
        // Its kernel is still being replaced.
        if (/^State: The cell did not run/m.test(text)) continue;
        if (/^Error /.test(text) || !expect.test(text)) {
          throw new Error(`The attack ${name} did not go as it should: ${text.slice(-1000)}`);
        }
        ran += 1;
      } while (!this.#stopped);
      return ran;
    })();
    this.#done.catch(() => {});
  }

  /** Stops after the running cell. @returns The number of cells. */
  stop(): Promise<number> {
    this.#stopped = true;
    return this.#done;
  }
}

async function runOk(client: RawClient, sandbox: string, code: string): Promise<string> {
  const { text } = await client.run(sandbox, code, 60);
  if (!/^\[ok/m.test(text)) throw new Error(`A cell of the bench failed: ${text}`);
  return text;
}

async function measure(client: RawClient, sandbox: string, into: Figures): Promise<void> {
  for (let cell = 0; cell < CELLS; cell += 1) {
    const { text, ms } = await client.run(sandbox, "1+1", 60);
    if (!text.startsWith("[value]\n2\n")) throw new Error(`1+1 of the bench failed: ${text}`);
    into.cell.push(ms);
  }
  const took = /^took (.*)$/m.exec(await runOk(client, sandbox, ASK))?.[1] ?? "";
  into.query.push(...took.split(" ").map(Number));
}

function rowsOf(
  attack: string,
  { quiet, loud }: { readonly quiet: Figures; readonly loud: Figures },
): readonly Row[] {
  return COLUMNS.filter(([what]) => quiet[what].length > 0).flatMap(([what, name]) => {
    const before = `${attack}: ${name}, quiet`;
    return [
      { name: before, figures: quiet[what] },
      { name: `${attack}: ${name}, under attack`, figures: loud[what], over: [before] },
    ];
  });
}

function show(
  report: Report,
  attack: string,
  { quiet, loud, ran }: { readonly quiet: Figures; readonly loud: Figures; readonly ran: number },
): void {
  const texts = COLUMNS.filter(([what]) => quiet[what].length > 0).map(([what, name]) => {
    const before = percentile(quiet[what], 0.95);
    const after = percentile(loud[what], 0.95);
    const most = FACTOR * before + ALLOWANCE_MS;
    const isOver = after > most && what !== "plain";
    report.defectIf(
      isOver,
      `p95 of a neighbour's ${name} under ${attack}: ${after.toFixed(1)} ms, and at most ${most.toFixed(1)}`,
    );
    const worst = Math.max(...loud[what]);
    return `${name} ${before.toFixed(1).padStart(5)} → ${after.toFixed(1).padStart(6)} (max ${
      worst.toFixed(0).padStart(4)
    })${isOver ? " OVER" : "     "}`;
  });
  report.line(`  ${attack.padEnd(44)} ${texts.join("   ")}   cells ${ran}`);
}
