/** What one sandbox feels of another that is hard on the database: quiet and attack in turn, in one run. */
import attackCode from "./python/attack_database.py" with { type: "text" };
import type { Report } from "./report.ts";
import { type OpenSandbox, type Rig, runCell } from "./rig.ts";
import { percentile, timed } from "./stats.ts";

const ROUNDS = 3;
/** Queries and cells of the neighbour in a round, while it is quiet and again while it is not. */
const QUERIES = 30;
const CELLS = 10;
const ATTACK_SECONDS = 3;
/** Until an attack's connections are open, in milliseconds. */
const RAMP_MS = 500;
const CELL_MS = 60_000;
/** What the neighbour may feel: so often the quiet time, and so much on top. */
const FACTOR = 2;
const ALLOWANCE_MS = 15;

const ATTACKS = ["long texts", "refusals", "cursors", "big results", "cancels", "costly joins"] as const;

const PREPARE = "import psycopg, time\nheld = psycopg.connect(autocommit=True)";
const ASK = `
for _ in range(${QUERIES}):
    begun = time.perf_counter(); held.execute("select 1").fetchone(); print((time.perf_counter() - begun) * 1000)`;

interface Figures {
  readonly query: number[];
  readonly cell: number[];
}

/**
 * Measures a neighbour's `select 1` and `1+1` under each attack.
 *
 * @param rig What it is measured on.
 * @param report Where the figures go.
 */
export async function benchNeighbour(rig: Rig, report: Report): Promise<void> {
  const [attacker, neighbour] = [await rig.openSandbox(), await rig.openSandbox()];
  await runCell(attacker.sandbox, attackCode);
  await runCell(neighbour.sandbox, PREPARE);
  for (const attack of ATTACKS) {
    const quiet: Figures = { query: [], cell: [] };
    const loud: Figures = { query: [], cell: [] };
    let made = 0;
    await measure(neighbour, { query: [], cell: [] });
    for (let round = 0; round < ROUNDS; round += 1) {
      await measure(neighbour, quiet);
      const code = `print(attack(${JSON.stringify(attack)}, ${ATTACK_SECONDS}))`;
      const running = runCell(attacker.sandbox, code, CELL_MS);
      await new Promise((resolve) => setTimeout(resolve, RAMP_MS));
      await measure(neighbour, loud);
      made += Number(await running);
    }
    show(report, `${attack} (${made} times)`, { quiet, loud });
  }
  for (const { sandbox } of [attacker, neighbour]) {
    await sandbox.remove("removed", "the bench has measured it");
  }
}

async function measure({ sandbox }: OpenSandbox, into: Figures): Promise<void> {
  for (let cell = 0; cell < CELLS; cell += 1) into.cell.push(await timed(() => runCell(sandbox, "1+1")));
  const printed = await runCell(sandbox, ASK);
  into.query.push(...printed.trim().split("\n").map(Number));
}

function show(
  report: Report,
  attack: string,
  { quiet, loud }: { readonly quiet: Figures; readonly loud: Figures },
): void {
  report.table(`A neighbour under: ${attack}`, [
    { name: "select 1, quiet", figures: quiet.query },
    { name: "select 1, under attack", figures: loud.query, over: ["select 1, quiet"] },
    { name: "1+1, quiet", figures: quiet.cell },
    { name: "1+1, under attack", figures: loud.cell, over: ["1+1, quiet"] },
  ]);
  for (const what of ["query", "cell"] as const) {
    const before = percentile(quiet[what], 0.95);
    const after = percentile(loud[what], 0.95);
    const name = what === "query" ? "select 1" : "1+1";
    report.line(
      `  p95 of ${name}: ${before.toFixed(1)} → ${after.toFixed(1)} ms, × ${(after / before).toFixed(1)}`,
    );
    const most = FACTOR * before + ALLOWANCE_MS;
    report.defectIf(
      after > most,
      `p95 of a neighbour's ${name} under ${attack}: ${after.toFixed(0)} ms, and at most ${most.toFixed(0)}`,
    );
  }
}
