/** How fast files pass between the exchange folder and a sandbox, and how much memory the server needs for that. */
import { ExchangeFolder } from "../../src/exchange/mod.ts";
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { timed } from "./stats.ts";

const ROUNDS = 5;
const MIB = 1024 * 1024;
/** Most of /workspace, so that two do not fit. */
const FILE_BYTES = 384 * MIB;
/** A slower transfer is a defect. */
const LEAST_MB_A_SECOND = 100;
/** The server holds a few buffers of a transfer, whatever the file's size. */
const GROWTH_MB_MAX = 50;
const DEADLINE_MS = 120_000;
const SAMPLE_MS = 20;

/**
 * Measures imports and exports of one large file, beside a plain copy of it on the host's disk.
 *
 * @param rig The bench.
 * @param report Gets the table.
 */
export async function benchExchange(rig: Rig, report: Report): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "omcp-bench-" });
  const sandbox = await rig.manager.create();
  try {
    const folder = await ExchangeFolder.open(await Deno.realPath(path), 4 * FILE_BYTES);
    await Deno.writeFile(`${path}/large`, filled(FILE_BYTES));
    const call = { deadlineMs: DEADLINE_MS };
    const copies: number[] = [];
    const imports: number[] = [];
    const exports: number[] = [];
    const growth: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      copies.push(rate(await timed(() => Deno.copyFile(`${path}/large`, `${path}/copy`))));
      await Deno.remove(`${path}/copy`);
      const memory = new PeakMemory();
      imports.push(rate(
        await timed(async () => {
          await using file = await folder.openFile("large");
          await sandbox.files.write("large", file.bytes(), { overwrite: true, size: file.size }, call);
        }),
      ));
      exports.push(rate(
        await timed(async () => {
          const { bytes, size } = await sandbox.files.read("large", { limit: FILE_BYTES }, call);
          await folder.writeFile("exported", { size, overwrite: true }, async (file) => {
            for await (const chunk of bytes) await file.write(chunk);
          });
        }),
      ));
      growth.push(memory.stop());
      // So that each import begins with an empty workspace.
      await sandbox.files.remove("large");
    }
    report.table(`Exchange of a file of ${FILE_BYTES / MIB} MiB`, [
      { name: "a plain copy on the host", figures: copies, unit: "MB/s" },
      { name: "import_file's transfer", figures: imports, unit: "MB/s", over: ["a plain copy on the host"] },
      { name: "export_file's transfer", figures: exports, unit: "MB/s", over: ["a plain copy on the host"] },
      { name: "growth of the server's memory", figures: growth, unit: "MB" },
    ]);
    for (const [name, figures] of [["import", imports], ["export", exports]] as const) {
      report.defectIf(
        Math.max(...figures) < LEAST_MB_A_SECOND,
        `an ${name} is slower than ${LEAST_MB_A_SECOND} MB/s`,
      );
    }
    report.defectIf(Math.min(...growth) > GROWTH_MB_MAX, "the server holds a large part of a transfer");
  } finally {
    await sandbox.remove("removed", "the bench has measured it");
    await Deno.remove(path, { recursive: true });
  }
}

/** Random bytes, repeated: no file system stores them in less. */
function filled(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const block = crypto.getRandomValues(new Uint8Array(65_536));
  for (let at = 0; at < size; at += block.length) {
    bytes.set(block.subarray(0, Math.min(block.length, size - at)), at);
  }
  return bytes;
}

function rate(ms: number): number {
  return FILE_BYTES / 1e6 / (ms / 1000);
}

/** Watches this process's memory, which holds the server's own parts. */
class PeakMemory {
  readonly #before = Deno.memoryUsage().rss;
  readonly #timer = setInterval(() => this.#look(), SAMPLE_MS);
  #peak = this.#before;

  /** Returns by how many MB it grew at most. */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return (this.#peak - this.#before) / 1e6;
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, Deno.memoryUsage().rss);
  }
}
