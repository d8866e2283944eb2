/** The server's memory stays bounded however much a database client sends, whether it is allowed or refused. */
import assert from "node:assert/strict";
import { type Scene, withScene } from "../neighbours.ts";

const MIB = 1024 * 1024;
/**
 * A quiet machine needs 31 MiB: the guard's worker for long texts, which exists while it is needed. On a loaded machine workers
 * overrun, and each takes 30 MiB until its thread has ended (88 MiB measured at a load of 10). Without bounds it is a gigabyte.
 */
const GROWTH_BYTES = 100 * MIB;
/** Memory that the server needs to warm up: the grammar in two workers, the database's channel, the heap. */
const COLD_BYTES = 200 * MIB;
/** The interval at which the server's memory is measured during an attack, in milliseconds. */
const LOOK_MS = 100;

/** A raw client of Postgres in Python. Each attack runs on connections of its own, and is done when `attack()` returns. */
const CLIENT = String.raw`
import socket, struct, threading, time
def message(kind, body): return kind + struct.pack("!i", len(body) + 4) + body
def query(sql): return message(b"Q", sql.encode() + b"\0")
def parse(name, sql): return message(b"P", name.encode() + b"\0" + sql.encode() + b"\0\0\0")
SYNC = message(b"S", b"")
def connect():
    for _ in range(100):
        s = try_connect()
        if s is not None: return s
        time.sleep(0.1)  # the places of the attack before may not be free yet
    raise OSError("no place")
def try_connect():
    s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect("/run/postgresql/.s.PGSQL.5432")
    body = struct.pack("!i", 3 << 16) + b"user\0x\0\0"
    s.sendall(struct.pack("!i", len(body) + 4) + body)
    seen = b""
    while not seen.endswith(b"Z\0\0\0\5I"):
        data = s.recv(65536)
        if not data: return None
        seen += data
    return s
def drain(s, wanted=None):
    count = 0
    while wanted is None or count < wanted:
        try: data = s.recv(1 << 20)
        except OSError: return
        if not data: return
        count += data.count(b"Z\0\0\0\5")
def send(parts, read=True, seconds=5, clients=4):
    """Sends parts again and again on several connections, and reads the answers or does not."""
    sent = [0] * clients
    def work(at):
        try:
            s = connect(); until = time.monotonic() + seconds
            if read: threading.Thread(target=drain, args=(s,), daemon=True).start()
            s.settimeout(20 if read else 1)
            for number in range(1 << 30):
                if time.monotonic() > until: break
                try: s.sendall(parts(number))
                except TimeoutError: break
                sent[at] += 1
            s.close()
        except OSError: pass
    threads = [threading.Thread(target=work, args=(at,)) for at in range(clients)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sum(sent)
`;

/** Each sends thousands of messages. */
const ATTACKS: Readonly<Record<string, string>> = {
  "short refusals, read": `send(lambda n: query("DELETE FROM person") * 100)`,
  "long refusals, not read":
    `send(lambda n: query("DELETE FROM person WHERE note = '" + "x" * 60000 + "'"), read=False)`,
  "refused parses of a pipeline without its end":
    `send(lambda n: parse("p%d" % n, "SELECT pg_read_file('" + "y" * 5000 + "')") * 20, read=False)`,
  "refusals that quote the statement":
    `send(lambda n: query('SELECT "' + "z" * 63 + '"(1), ' + "'w' " * 900) * 10)`,
  "refusals by cost":
    `send(lambda n: query("SELECT 1 FROM " + ", ".join("measurement m%d" % i for i in range(12))) * 5)`,
  "prepared statements": `send(lambda n: parse("s%d" % n, "SELECT " + "1, " * 500 + "2") + SYNC)`,
  "messages beyond their size":
    `send(lambda n: message(b"Q", b"x" * 900_000) + message(b"D", b"S" + b"n" * 200_000 + b"\\0"))`,
  "statements that succeed, not read": `send(lambda n: query("SELECT repeat('x', 100000)") * 10, read=False)`,
};

async function peakDuring(scene: Scene, code: string): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => peak = Math.max(peak, scene.client.memory()), LOOK_MS);
  try {
    const answer = await scene.client.run(scene.target, code, 60);
    assert.match(answer.text, /sent [1-9]/, answer.text);
  } finally {
    clearInterval(timer);
  }
  return peak;
}

Deno.test("the server's memory stays bounded under thousands of refusals and long client streams", async (t) => {
  await withScene({ OMCP_DATABASE_URL: "sample" }, async (scene) => {
    await scene.client.run(scene.target, CLIENT, 60);
    // The grammar, the database and the first garbage exist before the first measurement.
    for (const attack of Object.values(ATTACKS)) {
      await peakDuring(scene, `print("sent", ${attack.replace(/\)$/, ", seconds=1)")} + 1)`);
    }
    const before = scene.client.memory();
    for (const [name, attack] of Object.entries(ATTACKS)) {
      await t.step(name, async () => {
        const peak = await peakDuring(scene, `print("sent", ${attack})`);
        assert.ok(peak - before < GROWTH_BYTES, `grew by ${Math.round((peak - before) / MIB)} MiB`);
      });
    }
  }, COLD_BYTES);
});
