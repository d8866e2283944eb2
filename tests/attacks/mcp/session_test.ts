import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { assertNothingLeft, connectTestEngine, containersOf } from "../../fixtures/server.ts";
import { withScene } from "../neighbours.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { repetitions } from "../../fixtures/load.ts";

const NOT_QUITE_MESSAGES = [
  "{",
  "",
  "null",
  "[]",
  "[1,2]",
  '"x"',
  "{}",
  "\u0000\uffff",
  "[".repeat(100_000),
  `{"jsonrpc":"2.0","id":"deep","method":"x","params":{"a":${"[".repeat(3_000_000)}${
    "]".repeat(3_000_000)
  }}}`,
  '{"jsonrpc":"2.0","id":"five","method":"tools/call","params":5}',
  '{"a":'.repeat(10_000),
  '{"jsonrpc":"1.0","id":1,"method":"x"}',
  '{"jsonrpc":"2.0","id":null,"method":"tools/list"}',
  '{"jsonrpc":"2.0","id":{"a":1},"method":"tools/list"}',
  '{"jsonrpc":"2.0","method":"tools/call","params":null}',
  '{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"__proto__","arguments":{"__proto__":1}}}',
  '{"jsonrpc":"2.0","id":77,"result":{}}',
  '{"jsonrpc":"2.0","id":78,"error":{"code":1,"message":"x"}}',
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99999}}',
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"a":1}}}',
];

Deno.test("no message, however odd or long, ends the session", async (t) => {
  await withScene({}, async ({ client, target }) => {
    await t.step("lines that are not MCP messages", async () => {
      for (const line of NOT_QUITE_MESSAGES) await client.writeText(`${line}\n`);
      assert.match((await client.run(target, "6 * 7")).text, /42/);
      const answers = JSON.stringify(client.notifications);
      for (const id of ["deep", "five", "s"]) {
        assert.match(answers, new RegExp(`"id":"${id}","(?:error|result)"`));
      }
    });
    await t.step("a request of 20 MB is refused under its id", async () => {
      await assert.rejects(
        client.run(target, `x = '${"a".repeat(20_000_000)}'`),
        /-32600.*at most 8388608 bytes/,
      );
      assert.match((await client.run(target, "'x' in globals()")).text, /False/);
    });
    await t.step("20 MB that are not a message", async () => {
      for (let n = 0; n < 20; n += 1) await client.writeText("z".repeat(1_000_000));
      await client.writeText("\n");
      assert.match((await client.run(target, "6 * 7")).text, /42/);
    });
    await t.step("code longer than a cell may be is a tool error", async () => {
      const answer = await client.run(target, "#".repeat(3_000_000));
      assert.equal(answer.isError, true);
      assert.match(answer.text, /code/);
    });
    await t.step("two requests with one id do not harm the server", async () => {
      await Promise.race([
        client.call("execute_python_code", { sandbox_id: target, code: "import time; time.sleep(0.2)" }, 5)
          .catch(() => {}),
        client.call("execute_python_code", { sandbox_id: target, code: "1" }, 5).catch(() => {}),
      ]);
      assert.match((await client.run(target, "6 * 7")).text, /42/);
    });
  });
});

Deno.test("a hundred cells cancelled at random moments keep the variables, and no output goes to another cell", async () => {
  await withScene({}, async ({ client, target }) => {
    await client.run(target, "import time; kept = 41");
    const cells = ["while True: pass", "time.sleep(30)", "for n in range(10**9): print(n)", "kept += 0"];
    for (let n = 0; n < repetitions(100); n += 1) {
      const id = client.nextId();
      const input = { sandbox_id: target, code: cells[n % cells.length], timeout: 20 };
      void client.call("execute_python_code", input, id).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
      await client.cancel(id);
      if (n % 10 !== 9) continue;
      assert.match(
        (await client.run(target, `kept + ${n}`)).text,
        new RegExp(`^\\[value\\]\\n${41 + n}\\n\\[ok`),
      );
    }
  });
});

Deno.test("concurrent creations, cells and removals respect all limits", async () => {
  const engine = await connectTestEngine();
  const client = await RawClient.start({ OMCP_MAX_SANDBOXES: "4" });
  try {
    const made = await Promise.all(Array.from({ length: 20 }, () => client.call("create_sandbox", {})));
    const ids = made.filter(({ isError }) => !isError).map(({ text }) => sandboxIdIn(text));
    assert.equal(ids.length, 4);
    for (const { text } of made.filter(({ isError }) => isError)) assert.match(text, /^Error capacity/);
    const cells = await Promise.all(
      Array.from({ length: 50 }, (_, n) => client.run(String(ids[0]), `print('out ${n}'); ${n}`)),
    );
    cells.forEach(({ isError, text }, n) => {
      if (isError) {
        assert.match(text, /^Error sandbox_busy: 32 executions of sandbox \S+ already run or wait/);
      } else {assert.match(
          text,
          new RegExp(`^\\[stdout\\]\\nout ${n}\\n\\[value\\]\\n${n}\\n(?:\\[waited .*\\n)?\\[ok`),
        );}
    });
    assert.equal(cells.filter(({ isError }) => !isError).length, 32);
    const running = client.run(
      String(ids[0]),
      "import atexit, time; atexit.register(time.sleep, 100)\nwhile True: pass",
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    const removals = await Promise.all(
      ids.flatMap((sandbox_id) =>
        [1, 2].map(() => client.call("remove_sandbox", { sandbox_id, force: true }))
      ),
    );
    // Two removals of one sandbox wait together; a later one gets an error.
    assert.ok(removals.filter(({ isError }) => !isError).length >= 4);
    for (const { text } of removals.filter(({ isError }) => isError)) {
      assert.match(text, /^Error sandbox_not_found/);
    }
    assert.equal((await running).isError, true);
    assert.deepEqual(await containersOf(engine, client.instance), []);
    for (let n = 0; n < 12; n += 1) {
      const id = client.nextId();
      void client.call("create_sandbox", {}, id).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      await client.cancel(id);
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const listed = await client.call("list_sandboxes", {});
    const there = await containersOf(engine, client.instance);
    assert.equal(
      listed.text.match(/sbx_/g)?.length ?? 0,
      there.length,
      "a cancelled creation leaves nothing",
    );
    const again = await Promise.all(Array.from({ length: 4 }, () => client.call("create_sandbox", {})));
    assert.equal(again.filter(({ isError }) => !isError).length, 4 - there.length);
    assert.equal((await client.close()).code, 0, client.stderr);
  } finally {
    await client.end();
    await assertNothingLeft(engine, client.instance);
  }
});

Deno.test("a client that disconnects during creations or cells leaves nothing", async () => {
  const engine = await connectTestEngine();
  for (const wait of [0, 60, 200, 400]) {
    const client = await RawClient.start();
    for (let n = 0; n < 3; n += 1) void client.call("create_sandbox", {}).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, wait));
    assert.equal((await client.close()).code, 0, client.stderr);
    assert.deepEqual(await containersOf(engine, client.instance), []);
  }
  const client = await RawClient.start();
  void client.run(await client.create(), "while True: print('x' * 1000)").catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 300));
  await client.closeOutput();
  await client.end();
  await assertNothingLeft(engine, client.instance);
});
