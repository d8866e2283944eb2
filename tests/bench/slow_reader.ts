/**
 * A separate process with the server's parts: a sandbox reads a large result slowly through guard and broker, and the process measures
 * its own memory. Its argument is the label of what it creates; it prints one line of JSON.
 */
import { Rig, runCell } from "./rig.ts";
import { readCell, readResult } from "./stream.ts";

const WARM_UP_BYTES = 30e6;
const BYTES = 500e6;
const LOOK_EVERY_MS = 20;

const rig = await Rig.open(Deno.args[0] ?? crypto.randomUUID());
try {
  const sandbox = await rig.manager.create();
  // A warm-up, so that the memory of code, its compiler and the first garbage is not measured.
  await runCell(sandbox, readCell({ bytes: WARM_UP_BYTES }));
  const before = Deno.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), LOOK_EVERY_MS);
  const read = readResult(
    await runCell(sandbox, readCell({ bytes: BYTES, megabytesASecond: 60, stallSeconds: 3 })),
  );
  clearInterval(timer);
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ ...read, before, peak }) + "\n"));
} finally {
  await rig.close();
}
