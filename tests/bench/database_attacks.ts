/** Attacks on the database; four connections at a time run each. */
import attackCode from "./python/attack_database.py" with { type: "text" };
import type { Attacks } from "./neighbour.ts";

const SECONDS = 3;
const NAMES = [
  "long texts",
  "refusals",
  "cursors",
  "big results",
  "cancels",
  "costly joins",
  "connects",
] as const;

/** Code that runs an attack, and fails if it completes no round. */
function cell(name: string): string {
  return `assert attack(${JSON.stringify(name)}, ${SECONDS}) > 0`;
}

/** The attacks of `deno task bench database-attacks`. */
export const DATABASE_ATTACKS: Attacks = {
  title: "A neighbour under attacks on the database",
  prepare: attackCode,
  attacks: NAMES.map((name) => ({ name, code: cell(name), timeout: 30, expect: /^\[ok/m })),
};
