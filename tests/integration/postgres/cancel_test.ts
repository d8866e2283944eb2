/** Cancels pass when every connection is taken: of the sandbox, and of all sandboxes together. */
import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** As many as one sandbox may have, two of which are all that the server has. */
const CONNECTIONS = "32";

const FILL = `
import psycopg, socket, struct, threading, time
held = []
for _ in range(${CONNECTIONS}):
    held.append(psycopg.connect(autocommit=True))
try:
    psycopg.connect(connect_timeout=10); full = "not full"
except psycopg.OperationalError as error:
    full = str(error)
len(held), full`;

/** The server closes a cancel's connection when it has read it. It ignores a forged cancel, as PostgreSQL does. */
const CANCEL = `
def run(cancel):
    outcome = []
    def work():
        try:
            held[0].execute("SELECT count(*) FROM person a, person b, person c")
        except psycopg.errors.QueryCanceled as error:
            outcome.append("cancelled")
        except psycopg.Error as error:
            outcome.append(repr(error))
    thread = threading.Thread(target=work); thread.start()
    until = time.monotonic() + 30
    while thread.is_alive() and time.monotonic() < until:
        cancel(); thread.join(0.2)
    return outcome
def libpq(): held[0].cancel()
def safe(): held[0].cancel_safe()
def raw():
    key = struct.pack("!iiii", 16, 80877102, held[0].info.backend_pid, 0)
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10); s.connect("/run/postgresql/.s.PGSQL.5432")
        for part in (key[:3], key[3:9], key[9:]): s.sendall(part)
        return s.recv(10)
assert raw() == b""
def refused():
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10); s.connect("/run/postgresql/.s.PGSQL.5432")
        s.sendall(struct.pack("!ii", 8, 80877103))
        return b"at most 32" in s.recv(1000)
assert refused()
[run(libpq), run(safe), held[1].execute("SELECT 1").fetchone()]`;

/** Connects faster than the agent accepts, until the queue is full. Clients that wait in it are answered. */
const FLOOD = `
def full():
    for _ in range(100_000):
        with socket.socket(socket.AF_UNIX) as s:
            s.setblocking(False)
            try: s.connect("/run/postgresql/.s.PGSQL.5432")
            except BlockingIOError: return True
    return False
[full(), held[1].execute("SELECT 2").fetchone(), refused()]`;

Deno.test("a cancel passes when all connections of the sandbox and of the server are open, and a flood of connections waits", async () => {
  await withServer({ OMCP_QUERY_CONNECTIONS: CONNECTIONS }, async (server) => {
    const sandboxes = [await newSandbox(server), await newSandbox(server)];
    for (const sandbox_id of sandboxes) {
      const filled = await server.call("execute_python_code", { sandbox_id, code: FILL });
      assert.match(filled.text, /\(32,\s.*at most/s, filled.text);
    }
    const third = await newSandbox(server);
    const code =
      "import psycopg\ntry:\n    psycopg.connect(); r = 'in'\nexcept psycopg.Error as e:\n    r = str(e)\nr";
    assert.match(
      (await server.call("execute_python_code", { sandbox_id: third, code })).text,
      /all 64 connections/,
    );
    for (const sandbox_id of sandboxes) {
      const reply = await server.call("execute_python_code", { sandbox_id, code: CANCEL });
      assert.match(reply.text, /\[\['cancelled'\], \['cancelled'\], \(1,\)\]/, reply.text);
    }
    const [sandbox_id] = sandboxes;
    const flooded = await server.call("execute_python_code", { sandbox_id, code: FLOOD });
    assert.match(flooded.text, /\[True, \(2,\), True\]/, flooded.text);
  });
});
