/** Sends random statements and messages, as a hostile client might, through the guard to the oracle. */
import assert from "node:assert/strict";
import type { StatementPlanner } from "../../../src/postgres/broker/mod.ts";
import { PARAMETER_TYPES } from "../../../src/postgres/guard/parameter_types.ts";
import { planText } from "../../../src/postgres/guard/plan.ts";
import { DriverStatements } from "../../../src/postgres/guard/driver_statements.ts";
import { FRONTEND, message } from "../../../src/postgres/wire/message.ts";
import { Bridge } from "../../fixtures/postgres/bridge.ts";
import {
  bind,
  describe,
  errorOf,
  execute,
  parse,
  query,
  RawClient,
  SYNC,
} from "../../fixtures/postgres/raw_client.ts";
import { CANARY, Oracle, POLICY } from "./oracle.ts";
import { ambiguous, Dice, parameterized, setting, statement } from "./statements.ts";

/** Seed and duration of a run. */
export interface FuzzOptions {
  readonly seed: number;
  /** Batches of messages. */
  readonly rounds: number;
  /** Ends the run earlier. */
  readonly minutes?: number;
  /** Called after each comparison. */
  readonly progress?: (round: number, count: FuzzCount) => void;
}

/** What a run sent and compared. */
export interface FuzzCount {
  rounds: number;
  messages: number;
  statements: number;
  /** Compared parse trees of the server. */
  trees: number;
  connections: number;
}

/** Rounds between two comparisons. */
const ROUNDS_PER_COMPARISON = 40;

/**
 * Runs random SQL until the rounds or minutes are over.
 *
 * @param options Seed and duration.
 * @returns The counts.
 * @throws {assert.AssertionError} The guard and the server disagree, or a client saw or changed something hidden.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzCount> {
  const dice = new Dice(options.seed);
  const count: FuzzCount = { rounds: 0, messages: 0, statements: 0, trees: 0, connections: 0 };
  const drivers = new DriverStatements();
  const planner: StatementPlanner = {
    parameterTypes: PARAMETER_TYPES,
    plan: (sql, protocol) => Promise.resolve(planText(sql, protocol, { policy: POLICY, drivers })),
  };
  await using oracle = await Oracle.start();
  // As a superuser, so that only the guard and the read-only session protect the data.
  // PostgreSQL parses an estimate too, which would count as a statement that no client sent.
  const limits = { maxCost: 0 };
  await using bridge = new Bridge({ url: oracle.server.adminUrl, planner, cdmSchema: "cdm", limits });
  const end = performance.now() + (options.minutes ?? Infinity) * 60_000;
  let client: RawClient | undefined;
  const sent: string[] = [];
  try {
    for (let round = 1; round <= options.rounds && performance.now() < end; round += 1) {
      if (client === undefined) {
        client = (await RawClient.start(bridge.port)).client;
        count.connections += 1;
      }
      const batch = batchOf(dice, { count, sent, types: oracle.types });
      const alive = await exchange(client, batch, round);
      if (!alive || dice.below(50) === 0) {
        await client[Symbol.asyncDispose]();
        client = undefined;
      }
      count.rounds = round;
      if (round % ROUNDS_PER_COMPARISON === 0) {
        count.trees += await oracle.compare();
        sent.length = 0;
        options.progress?.(round, count);
      }
    }
    count.trees += await oracle.compare();
    await oracle.unchanged();
  } catch (error) {
    const sessions = await oracle.server.sql(
      "SELECT state, wait_event, query FROM pg_stat_activity WHERE usename IS NOT NULL",
    );
    const last = sent.slice(-60).join("\n");
    throw new Error(`Seed ${options.seed}, the last texts:\n${last}\nThe server's sessions:\n${sessions}`, {
      cause: error,
    });
  } finally {
    await client?.[Symbol.asyncDispose]();
  }
  return count;
}

interface BatchContext {
  readonly count: FuzzCount;
  /** What the messages were, for a report. */
  readonly sent: string[];
  /** OIDs that a Parse may declare. */
  readonly types: readonly number[];
}

function batchOf(dice: Dice, { count, sent, types }: BatchContext): Uint8Array[] {
  const batch: Uint8Array[] = [];
  sent.push("batch");
  const sql = (make: (dice: Dice) => string = statement): string => {
    const text = make(dice).slice(0, 4_000);
    count.statements += 1;
    sent.push(`  ${JSON.stringify(text)}`);
    return text;
  };
  for (let turns = 1 + dice.below(6); turns > 0; turns -= 1) {
    const name = dice.of(["", "", "s1", "s2"]);
    const portal = dice.of(["", "", "p1"]);
    const kind = dice.below(11);
    sent.push(`kind ${kind}, statement "${name}", portal "${portal}"`);
    if (kind === 0) {
      // A change of a setting, then SQL that the setting makes ambiguous, with or without a Sync between them.
      const more = dice.of([[], [], [SYNC], [message(FRONTEND.flush)]]);
      batch.push(
        parse(name, sql(setting)),
        bind(portal, name),
        execute(portal),
        ...more,
        query(sql(ambiguous)),
      );
    } else if (kind < 3) batch.push(query(sql()));
    else if (kind < 7) batch.push(parse(name, sql()), bind(portal, name), execute(portal));
    else if (kind === 7) batch.push(bind(portal, name), execute(portal, dice.below(3)));
    else if (kind === 10) {
      const values = dice.of([["1"], ["1", "2"], ["(1)"], ["{1}"]]);
      const declared = values.map(() => dice.of(types));
      sent.push(`  types ${declared.join()}, values ${values.join()}`);
      batch.push(parse(name, sql(parameterized), declared), bind(portal, name, values), execute(portal));
    } else if (kind === 8) batch.push(describe(dice.of(["S", "P"]), dice.of([name, portal])));
    else batch.push(dice.of([SYNC, message(FRONTEND.flush), describe("S", name, FRONTEND.close)]));
  }
  count.messages += batch.length;
  return batch;
}

/** Sends a batch and reads all responses. Returns whether the connection is still open. */
async function exchange(client: RawClient, batch: readonly Uint8Array[], round: number): Promise<boolean> {
  const mark = `round_${round}`;
  // A COPY that waits for data, a failed transaction and an open one all end here.
  await client.send(...batch, SYNC, query("ROLLBACK"), query(`SELECT '${mark}'`));
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new assert.AssertionError({ message: "no response within 30 s" })),
    30_000,
  );
  try {
    return await Promise.race([answered(client, mark), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function answered(client: RawClient, mark: string): Promise<boolean> {
  while (true) {
    const some = await client.until("Z");
    const texts = some.map(({ type, body }) => ({ type, text: new TextDecoder().decode(body) }));
    assert.ok(!texts.some(({ text }) => text.includes(CANARY)), "the client saw something hidden");
    if (texts.some(({ type, text }) => type === "D" && text.includes(mark))) return true;
    if (some.at(-1)?.type !== "Z") return false;
    // A statement_timeout of 1 ms, which is allowed, may end the mark's own query.
    if (errorOf(some)?.sqlstate === "57014") {
      await client.send(query("RESET statement_timeout"), query(`SELECT '${mark}'`));
    }
  }
}
