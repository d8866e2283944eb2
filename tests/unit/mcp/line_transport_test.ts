import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { LineTransport } from "../../../src/mcp/transports/line_transport.ts";

const MIB = 1024 * 1024;

Deno.test("a message that is too long, for example with a large file, is answered with what to do instead", async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const transport = new LineTransport(input, output);
  await transport.start();
  const answer = new Promise<string>((resolve) => output.once("data", (data) => resolve(String(data))));
  input.write(
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"base64":"${"A".repeat(8 * MIB)}"}}\n`,
  );
  assert.match(
    await answer,
    /"id":7,.*at most 8388608 bytes; received \d+\. Nothing was done\. .*in parts.*import_file/,
  );
  await transport.close();
});

Deno.test("a client that does not read its responses sends no more requests until it has read them", async () => {
  const input = new PassThrough();
  const written: (() => void)[] = [];
  const output = new Writable({ write: (_chunk, _encoding, done) => void written.push(done) });
  const transport = new LineTransport(input, output);
  const received: unknown[] = [];
  transport.onmessage = (message) => received.push(message);
  await transport.start();
  const sent: Promise<void>[] = [];
  function send(id: number): void {
    sent.push(transport.send({ jsonrpc: "2.0", id, result: { text: "x".repeat(8 * MIB) } }));
  }
  for (let id = 1; id <= 3; id += 1) send(id);
  assert.equal(input.isPaused(), false);
  for (let id = 4; id <= 5; id += 1) send(id);
  assert.equal(input.isPaused(), true);
  input.write('{"jsonrpc":"2.0","id":9,"method":"ping"}\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(received, []);
  for (let done = written.shift(); done !== undefined; done = written.shift()) {
    done();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await Promise.all(sent);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(received, [{ jsonrpc: "2.0", id: 9, method: "ping" }]);
  await transport.close();
});

Deno.test("after the end of its input a transport closes when what was read is answered; subscriptions need no answer", async () => {
  const input = new PassThrough();
  const output = new PassThrough({ encoding: "utf8" });
  const transport = new LineTransport(input, output);
  const closed = Promise.withResolvers<void>();
  let isClosed = false;
  transport.onclose = () => {
    isClosed = true;
    closed.resolve();
  };
  await transport.start();
  for (const [id, method] of ["ping", "subscriptions/listen", "tools/list", "tools/call"].entries()) {
    input.write(`${JSON.stringify({ jsonrpc: "2.0", id, method })}\n`);
  }
  input.end('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}\n');
  await finished(input);
  for (const id of [2, 0]) {
    assert.equal(isClosed, false);
    await transport.send({ jsonrpc: "2.0", id, result: {} });
  }
  await closed.promise;
  assert.deepEqual(String(output.read()).trim().split("\n").map((line) => JSON.parse(line).id), [2, 0]);
});
