/** The messages of MESSAGES.md: the page, the shared vectors and the server's schemas agree. The agent's side is in messages_test.py. */
import assert from "node:assert/strict";
import * as z from "zod";
import { readConfig } from "../../../src/app/config.ts";
import { readReply } from "../../../src/agent_protocol/message.ts";
import {
  AGENT_ERROR_CODES,
  bootConfigSchema,
  CONTAINER_EVENTS,
  EXECUTION_DEADLINES,
  EXECUTION_EVENTS,
  helloSchema,
  REQUESTS,
  sandboxBootConfig,
  SILENCE_MS,
} from "../../../src/agent_protocol/messages/mod.ts";

const vectorSchema = z.strictObject({
  message: z.string(),
  valid: z.boolean(),
  name: z.string(),
  value: z.unknown(),
});
const vectors = z.array(vectorSchema).parse(
  JSON.parse(await Deno.readTextFile(new URL("../../vectors/messages.json", import.meta.url))),
);
const page = await Deno.readTextFile(
  new URL("../../../src/agent_protocol/MESSAGES.md", import.meta.url),
);

/** A section of MESSAGES.md, up to the next heading of the same level. */
function section(heading: string): string {
  const [, text] = page.split(`\n## ${heading}\n`);
  assert(text !== undefined, `MESSAGES.md has no section ${heading}`);
  return text.split("\n## ")[0] ?? "";
}

function headings(text: string): string[] {
  return [...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name ?? "").sort();
}

/** Whether each kind of message accepts a value. */
const accepts: Record<string, (value: unknown) => boolean> = {
  boot_config: (value) => bootConfigSchema.safeParse(value).success,
  hello: (value) => helloSchema.safeParse(value).success,
  reply: (value) => {
    try {
      readReply(z.looseObject({ type: z.literal("reply") }).parse(value));
      return true;
    } catch {
      return false;
    }
  },
  ...Object.fromEntries(
    Object.entries(REQUESTS).flatMap(([method, { params, result }]) => [
      [method, (value: unknown) => params.safeParse(value).success],
      [`${method} result`, (value: unknown) => result.safeParse(value).success],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ ...EXECUTION_EVENTS, ...CONTAINER_EVENTS }).map((
      [type, schema],
    ) => [type, (value: unknown) => schema.safeParse(value).success]),
  ),
};

Deno.test("MESSAGES.md has exactly the server's requests, events and error codes", () => {
  assert.deepEqual(headings(section("Requests")), Object.keys(REQUESTS).sort());
  assert.deepEqual(headings(section("Events of an execution")), Object.keys(EXECUTION_EVENTS).sort());
  assert.deepEqual(headings(section("Events of the container")), Object.keys(CONTAINER_EVENTS).sort());
  const codes = [...section("Error codes").matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code);
  assert.deepEqual(codes.sort(), AGENT_ERROR_CODES.toSorted());
});

Deno.test("every message has valid and invalid vectors, and the schemas accept and refuse them accordingly", async (t) => {
  assert.deepEqual([...new Set(vectors.map(({ message }) => message))].sort(), Object.keys(accepts).sort());
  for (const [message, accept] of Object.entries(accepts)) {
    await t.step(message, () => {
      const own = vectors.filter((vector) => vector.message === message);
      assert(own.some(({ valid }) => valid));
      assert(own.filter(({ valid }) => !valid).length >= 2);
      for (const { name, valid, value } of own) assert.equal(accept(value), valid, name);
    });
  }
});

Deno.test("an execution's deadlines add up to the promise, and MESSAGES.md lists them", () => {
  const { secondInterruptMs, killMs, clearMs, answerMs, promiseMs, giveUpMs } = EXECUTION_DEADLINES;
  assert(secondInterruptMs < killMs);
  assert(killMs + clearMs < answerMs, "the agent's reply comes before the server answers without it");
  assert(answerMs < promiseMs);
  assert.equal(promiseMs, 2000, "promise 3 of docs/security.md");
  assert(promiseMs < giveUpMs);
  assert(giveUpMs < SILENCE_MS, "an execution ends before its agent is declared lost");
  assert(
    SILENCE_MS < readConfig(() => undefined).leaseSeconds * 1000,
    "the server removes a lost sandbox before its lease ends",
  );
  const rows = [...section("Deadlines").matchAll(/^\| `(\w+)` +\| (\d+) /gm)].map((
    [, name, ms],
  ) => [name, Number(ms)]);
  assert.deepEqual(Object.fromEntries(rows), EXECUTION_DEADLINES);
  const { kernel } = sandboxBootConfig({ leaseSeconds: 60 });
  assert.deepEqual(
    [kernel.second_interrupt_ms, kernel.kill_ms, kernel.clear_ms],
    [secondInterruptMs, killMs, clearMs],
  );
});
