/**
 * The benchmark: floors and ratios of one run. Times depend on the machine; ratios describe the program.
 *
 *     deno task bench --help
 *
 * Exits 1 only for a defect: a trivial cell above 10 ms, a server that buffers a whole result or file, a transfer of a file below
 * 100 MB/s, memory that grows with the number of cells, a neighbour that needs more than twice its quiet time plus 15 ms under an
 * attack, a search of concepts whose p95 is above 50 ms, a typed query above psql's time + 10 % + 5 ms, or aggregate mode beyond three
 * times the time of open, 20 MB or 100 ms a number. A missed goal of docs/benchmarks.md is not a defect. Exits 2 for a wrong call or an interrupted run.
 */
import { parseArgs } from "node:util";
import { errorMessage } from "../../src/lib/error_message.ts";
import { type Part, PARTS } from "./parts.ts";
import { Report } from "./report.ts";
import { Rig } from "./rig.ts";
import { readSaved } from "./saved.ts";

/** A run that takes longer hangs. */
const WATCHDOG_MS = 3_600_000;

function help(): string {
  const lines = Object.entries(PARTS).map(([name, { about, takes = "", minutes, always }]) =>
    `  ${always ? "*" : " "} ${`${name} ${takes}`.padEnd(36)} ${`${minutes} min`.padStart(6)}  ${about}`
  );
  const named = Object.values(PARTS).filter(({ always }) => always);
  return [
    "Measures this program beside floors: deno task bench [PART [ARGUMENTS]] [--peers] [--save FILE]",
    "",
    ...lines,
    "",
    `Without a part, those marked * run, ${
      named.reduce((sum, { minutes }) => sum + minutes, 0)
    } minutes together.`,
    "They take this long on two cores without other work.",
    "",
    "  --peers      the same as the part peers",
    "  --save FILE  also write the figures as JSON; those of other parts stay. docs/benchmarks.md is made from",
    "               docs/benchmarks/figures.json by `deno task generate`",
    "  --help       this text",
  ].join("\n");
}

/** What the command line asks for. */
function benchCall(): {
  readonly parts: readonly Part[];
  readonly args: readonly string[];
  readonly save?: string;
} | string {
  const { values: { save, peers, help: helped }, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { save: { type: "string" }, peers: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (helped === true) return help();
  const [name, ...args] = peers === true ? ["peers", ...positionals] : positionals;
  const part = name === undefined ? undefined : PARTS[name];
  if (name !== undefined && part === undefined) {
    throw new TypeError(`There is no part ${name}: choose from ${Object.keys(PARTS).join(", ")}`);
  }
  const parts = part === undefined ? Object.values(PARTS).filter(({ always }) => always) : [part];
  return { parts, args, ...(save === undefined ? {} : { save }) };
}

/** Processor and kernel, from /proc, without the machine's name. */
async function hardware(): Promise<string> {
  const read = (path: string) => Deno.readTextFile(path).catch(() => "");
  const model = /^model name\s*: (.*)$/m.exec(await read("/proc/cpuinfo"))?.[1] ?? "unknown processor";
  const kernel = /^Linux version (\d+\.\d+)/.exec(await read("/proc/version"))?.[1] ?? "unknown";
  const kilobytes = Number(/^MemTotal:\s+(\d+)/m.exec(await read("/proc/meminfo"))?.[1]);
  return `${navigator.hardwareConcurrency} × ${model}, ${
    Math.round(kilobytes / 1024 ** 2)
  } GiB, Linux ${kernel}`;
}

async function run({ parts, args, save }: Exclude<ReturnType<typeof benchCall>, string>): Promise<number> {
  const report = new Report((line) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`)));
  // A file of another form is refused before the measurements, not after them.
  if (save !== undefined) await readSaved(save);
  const rig = await Rig.open(crypto.randomUUID());
  const giveUp = async () => {
    await rig.close();
    Deno.exit(2);
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => void giveUp());
  const watchdog = setTimeout(() => void giveUp(), WATCHDOG_MS);
  const started = performance.now();
  try {
    const { serverVersion } = await rig.engine.info();
    report.machine(
      `${await hardware()}, load ${Deno.loadavg()[0]?.toFixed(1)}, Deno ${Deno.version.deno}, ` +
        `engine ${serverVersion} (API ${rig.engine.apiVersion}), ${rig.image}`,
    );
    for (const part of parts) {
      await part.run(rig, report, args);
      // Saved after each part: if a later one fails, the figures of the earlier ones stay.
      if (save !== undefined) await report.save(save);
    }
  } finally {
    await rig.close();
    clearTimeout(watchdog);
  }
  report.end();
  report.line(`In ${((performance.now() - started) / 1000).toFixed(0)} s.`);
  return report.defects.length === 0 ? 0 : 1;
}

let asked: ReturnType<typeof benchCall>;
try {
  asked = benchCall();
} catch (error) {
  Deno.stderr.writeSync(new TextEncoder().encode(`${errorMessage(error)}\n`));
  Deno.exit(2);
}
if (typeof asked === "string") {
  Deno.stdout.writeSync(new TextEncoder().encode(`${asked}\n`));
  Deno.exit(0);
}
Deno.exit(await run(asked));
