/** The server's memory stays bounded however much a database client sends, whether it is allowed or refused. */
import assert from "node:assert/strict";
import { type Scene, withScene } from "../neighbours.ts";

const MIB = 1024 * 1024;
/**
 * Nearly all growth is heap that V8 has not collected yet: the heap that is reachable differs by less than 2 MiB from that of an idle
 * server (docs/neighbours.md). Without bounds it is a gigabyte.
 */
const GROWTH_BYTES = 50 * MIB;
/** Memory that the server needs to warm up: the grammar in two workers, the database's channel, the heap. */
const COLD_BYTES = 200 * MIB;
/** Milliseconds after the first statement, for what the first connection and the first parse have left. */
const SETTLE_MS = 3_000;
/** The interval at which the server's memory is measured during an attack, in milliseconds. */
const LOOK_MS = 100;

/** A raw client of Postgres in Python. Each attack runs on connections of its own, and is done when `attack()` returns. */
const CLIENT = String.raw`
import socket, struct, threading, time
def message(kind, body): return kind + struct.pack("!i", len(body) + 4) + body
def query(sql): return message(b"Q", sql.encode() + b"\0")
def parse(name, sql): return message(b"P", name.encode() + b"\0" + sql.encode() + b"\0\0\0")
SYNC = message(b"S", b"")
def bind(portal, value=None):
    values = b"\0\0" if value is None else b"\0\1" + struct.pack("!i", len(value)) + value
    return message(b"B", portal.encode() + b"\0\0\0\0" + values + b"\0\0")
def execute(portal=""): return message(b"E", portal.encode() + b"\0\0\0\0\0")
def connect():
    for _ in range(100):
        s = try_connect()
        if s is not None: return s
        time.sleep(0.1)  # the previous attack may still hold its connections
    raise OSError("no connection")
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
COPY = "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT"
def drain(s, wanted=None):
    count = 0
    while wanted is None or count < wanted:
        try: data = s.recv(1 << 20)
        except OSError: return
        if not data: return
        count += data.count(b"Z\0\0\0\5")
def send(parts, read=True, seconds=1, clients=4):
    """Sends parts again and again on several connections, and reads the answers or does not."""
    sent = [0] * clients
    def work(at):
        try:
            s = connect(); until = time.monotonic() + seconds
            if read: threading.Thread(target=drain, args=(s,), daemon=True).start()
            s.settimeout(5 if read else 1)
            for number in range(1 << 30):
                if time.monotonic() > until: break
                try: s.sendall(parts(number))
                except TimeoutError: break
                sent[at] += 1
            s.shutdown(socket.SHUT_RDWR)  # also ends drain()
            s.close()
        except OSError: pass
    threads = [threading.Thread(target=work, args=(at,)) for at in range(clients)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sum(sent)
def connects(seconds=1, clients=8):
    """Connects and leaves again and again, some in the middle of their startup packet."""
    sent = [0] * clients; until = time.monotonic() + seconds
    def work(at):
        while time.monotonic() < until:
            try:
                if sent[at] % 2: s = try_connect()
                else:
                    s = socket.socket(socket.AF_UNIX); s.connect("/run/postgresql/.s.PGSQL.5432"); s.sendall(b"\0\0\1\0\0\3\0\0" + b"x" * 100)
                if s is not None: s.close()
            except OSError: pass
            sent[at] += 1
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
  "statements that succeed, read": `send(lambda n: query("SELECT 1") * 500)`,
  "texts as complex as they may be": `send(lambda n: query("SELECT 1" + ",1" * 9000))`,
  "parameters as long as they may be":
    `send(lambda n: parse("", "SELECT length($1)") + (bind("", b"x" * 200_000) + execute()) * 10 + SYNC)`,
  "the same without Sync, not read":
    `send(lambda n: parse("", "SELECT length($1)") + (bind("", b"x" * 200_000) + execute()) * 2, read=False)`,
  "portals": `send(lambda n: parse("", "SELECT 1") + b"".join(bind("p%d" % at) for at in range(200)) + SYNC)`,
  "pipelines without Sync": `send(lambda n: parse("", "SELECT 1") + (bind("") + execute()) * 100)`,
  "COPY out, read": `send(lambda n: query(COPY))`,
  "COPY out, not read": `send(lambda n: query(COPY), read=False)`,
  "COPY in": `send(lambda n: query("COPY person FROM STDIN"))`,
  "connects": "connects()",
};

async function peakDuring(scene: Scene, code: string): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => peak = Math.max(peak, scene.client.anonymousMemory()), LOOK_MS);
  try {
    const answer = await scene.client.run(scene.target, code, 60);
    assert.match(answer.text, /sent [1-9]/, answer.text);
  } finally {
    clearInterval(timer);
  }
  return peak;
}

Deno.test("the server grows little under thousands of refusals and any client stream", async (t) => {
  await withScene({ OMCP_DATABASE_URL: "sample" }, async (scene) => {
    await scene.client.run(scene.target, CLIENT, 60);
    // The grammar and the database's channel exist before the first measurement.
    await scene.client.run(scene.target, `send(lambda n: query("SELECT 1"), seconds=0.1)`, 60);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const before = scene.client.anonymousMemory();
    for (const [name, attack] of Object.entries(ATTACKS)) {
      await t.step(name, async () => {
        const growth = (await peakDuring(scene, `print("sent", ${attack})`)) - before;
        assert.ok(growth < GROWTH_BYTES, `grew by ${Math.round(growth / MIB)} MiB`);
      });
    }
  }, COLD_BYTES);
});
