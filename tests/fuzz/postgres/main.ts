/** `deno task fuzz [--minutes 60] [--seed N]`: runs until the time is over, or the guard and the server disagree. */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const seed = Number(values.seed);
say(`Seed ${seed}, ${values.minutes} minutes`);
const count = await fuzz({
  seed,
  rounds: Infinity,
  minutes: Number(values.minutes),
  progress: (round, so) => {
    if (round % 400 === 0) say(JSON.stringify(so));
  },
});
say(`No disagreement: ${JSON.stringify(count)}`);

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
