/** A server, a sandbox to attack and a neighbour that must not be affected. */
import assert from "node:assert/strict";
import { assertNothingLeft, connectTestEngine } from "../fixtures/server.ts";
import { type Answer, RawClient } from "../fixtures/mcp/raw_client.ts";

/** A cell's call must return this long after its timeout: the promised two seconds, and time for a busy machine. */
export const GRACE_MS = 30_000;
/** How much the server may grow over a whole table of attacks, in bytes. */
const GROWTH_BYTES = 100 * 1024 * 1024;

/** The server, the attacked sandbox and its neighbour. */
export interface Scene {
  readonly client: RawClient;
  /** The sandbox to attack. */
  readonly target: string;
  readonly neighbour: string;
}

/** An attack by code, and the result that it must have. */
export interface CodeAttack {
  readonly name: string;
  readonly code: string;
  /** Seconds. @default 30 */
  readonly timeout?: number;
  /** The result's text must match it. */
  readonly expect: RegExp;
}

/**
 * Runs a test on a fresh server with two sandboxes. Afterwards the server must work, exit cleanly and leave nothing.
 *
 * @param environment The server's settings.
 * @param test The test.
 * @param growth How much the server may grow, in bytes.
 */
export async function withScene(
  environment: Record<string, string>,
  test: (scene: Scene) => Promise<void>,
  growth = GROWTH_BYTES,
): Promise<void> {
  const engine = await connectTestEngine();
  const client = await RawClient.start(environment);
  try {
    const [target, neighbour] = await Promise.all([client.create(), client.create()]);
    await client.run(neighbour, "mine = 7");
    const before = client.memory();
    await test({ client, target, neighbour });
    await assertNeighbourSound({ client, target, neighbour });
    assert.ok(
      client.memory() - before < growth,
      `the server grew from ${before} to ${client.memory()}`,
    );
    assert.deepEqual(client.strays, []);
    const status = await client.close();
    assert.equal(status.code, 0, client.stderr);
  } finally {
    await client.end();
    await assertNothingLeft(engine, client.instance);
  }
}

/** Runs each attack in turn; after each, the sandbox must run another cell and the neighbour must have its variables. */
export async function runTable(
  t: Deno.TestContext,
  scene: Scene,
  attacks: readonly CodeAttack[],
): Promise<void> {
  const { client, target } = scene;
  for (const { name, code, timeout = 30, expect } of attacks) {
    await t.step(name, async () => {
      const answer = await client.run(target, code, timeout);
      assertInTime(answer, timeout);
      assert.ok(expect.test(answer.text), `${expect} does not match: ${ends(answer.text)}`);
      assert.match(
        (await client.run(target, "'still' + ' here'")).text,
        /^\[value\]\n'still here'\n(?:\[(?:\d+ process|waited|files changed|changed files).*\n)*\[ok/,
      );
      await assertNeighbourSound(scene);
    });
  }
}

/** The beginning and end of a text, for messages. */
function ends(text: string): string {
  return text.length <= 1000 ? text : `${text.slice(0, 500)} … ${text.slice(-500)}`;
}

/** Asserts that an answer arrived before its deadline. */
export function assertInTime(answer: Answer, timeout: number): void {
  assert.ok(answer.ms < timeout * 1000 + GRACE_MS, `it took ${answer.ms} ms: ${answer.text.slice(0, 300)}`);
}

/** Asserts that the neighbour has its variables. */
export async function assertNeighbourSound({ client, neighbour }: Scene): Promise<void> {
  const answer = await client.run(neighbour, "mine", 20);
  assert.match(answer.text, /^\[value\]\n7\n/);
}
