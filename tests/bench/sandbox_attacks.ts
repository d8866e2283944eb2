/** Attacks of code in a sandbox on its container, its agent and the server: the hostile code and messages of tests/attacks, endlessly. */
import { HOSTILE_MESSAGES } from "../attacks/agent_protocol/hostile_messages.ts";
import type { Attack, Attacks } from "./neighbour.ts";

/** After this many seconds, endless code is ended and starts again. */
const SECONDS = 3;

const PREPARE = `
import array, fcntl, hashlib, mmap, os, signal, socket, sys, threading, time
def fork():
    """Forks; waits for a place while processes of the round before still end: the next cell may begin meanwhile."""
    while True:
        try: return os.fork()
        except BlockingIOError: time.sleep(0.01)
def forked(number, work):
    """Forks processes that repeat something endlessly."""
    for _ in range(number):
        if fork() == 0:
            try: work()
            finally: os._exit(0)
    while True: time.sleep(1)
def threads(number, work):
    for _ in range(number): threading.Thread(target=work, daemon=True).start()
    while True: time.sleep(1)
def spin():
    while True: pass
def digest():
    block = b"x" * (1 << 24)
    while True: hashlib.sha256(block)
def files():
    name = "/tmp/%d" % os.getpid()
    while True:
        for number in range(100):
            with open("%s-%d" % (name, number), "wb") as file: file.write(b"x" * 5000)
        for number in range(100): os.unlink("%s-%d" % (name, number))
def fill():
    while True:
        for folder in ("/workspace", "/tmp", "/dev/shm"):
            try:
                with open("%s/%d" % (folder, os.getpid()), "wb") as file:
                    while True: file.write(b"x" * 1_000_000)
            except OSError: pass
        for folder in ("/workspace", "/tmp", "/dev/shm"): os.unlink("%s/%d" % (folder, os.getpid()))
def pages():
    while True:
        area = mmap.mmap(-1, 1 << 28)
        for at in range(0, 1 << 28, 4096): area[at] = 1
        area.close()
def naps():
    while True: time.sleep(0.00005)
def yields():
    while True: os.sched_yield()
def children():
    while True:
        if fork() == 0: os._exit(0)
        os.wait()
def orphans():
    while True:
        if fork() == 0:
            if fork() == 0: os._exit(0)
            os._exit(0)
        os.wait()
def pings():
    ends = socket.socketpair()
    if fork() == 0:
        while True: ends[0].send(ends[0].recv(1))
    while True: ends[1].send(b"x"); ends[1].recv(1)
def in_flight():
    kept = []
    while True:
        pair = socket.socketpair(); pair[0].setblocking(False); kept.append(pair)
        try:
            while True: pair[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 200))])
        except OSError:
            if len(kept) > 500: kept.clear()
def pipes():
    kept = []
    while True:
        try:
            kept.append(os.pipe()); fcntl.fcntl(kept[-1][1], fcntl.F_SETPIPE_SZ, 1 << 20)
        except OSError:
            for pair in kept: os.close(pair[0]); os.close(pair[1])
            kept.clear()
def knocks():
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as s: s.connect("/run/postgresql/.s.PGSQL.5432")
        except OSError: pass
`;

const CODE: Readonly<Record<string, string>> = {
  "a fork bomb": "while True:\n    try: os.fork()\n    except OSError: pass",
  "all memory, by one": "x = []\nwhile True: x.append(bytearray(b'x') * 50_000_000)",
  "all memory, by eight":
    "def eat():\n    x = []\n    while True: x.append(bytearray(b'x') * 20_000_000)\nforked(8, eat)",
  "200 busy processes": "forked(200, spin)",
  "64 busy threads without the GIL": "threads(64, digest)",
  "children by the thousand": "forked(4, children)",
  "orphans by the thousand": "forked(4, orphans)",
  "a cell that ignores SIGINT": "signal.signal(signal.SIGINT, signal.SIG_IGN)\nspin()",
  "stdout, in long lines": "while True: print('x' * 1_000_000)",
  "stdout and stderr, byte by byte": "while True: os.write(1, b'x'); os.write(2, b'y')",
  "files made and unlinked": "forked(4, files)",
  "file systems filled and emptied": "forked(2, fill)",
  "pages mapped and touched": "forked(4, pages)",
  "short sleeps in 200 processes": "forked(200, naps)",
  "processes that yield": "forked(100, yields)",
  "messages between processes": "forked(8, pings)",
  "descriptors in flight": "forked(2, in_flight)",
  "pipes as large as they can be": "forked(2, pipes)",
  "connections to the database's socket": "forked(4, knocks)",
  "displays by the thousand": "from IPython.display import display\nwhile True: display(1)",
};

/** The agent's part in an attack, for a container without an agent: accepts connections to the database's socket. */
const LISTENER = `
listener = socket.socket(socket.AF_UNIX)
os.makedirs("/run/postgresql")
listener.bind("/run/postgresql/.s.PGSQL.5432")
listener.listen(32)
def accept():
    while True: listener.accept()[0].close()
threading.Thread(target=accept, daemon=True).start()
`;

/** The attack for a plain container; undefined if it needs our kernel. */
function plainCode(code: string): string | undefined {
  if (code.includes("IPython")) return undefined;
  return `${PREPARE}${code.includes("knocks") ? LISTENER : ""}${code}`;
}

const messages: readonly Attack[] = HOSTILE_MESSAGES.map(({ name, code, expect }) => ({
  name: `messages: ${name}`,
  code,
  timeout: 10,
  expect,
}));

/** The attacks of `deno task bench sandbox-attacks`. Each cell starts with all that its attack needs: an earlier cell may have ended the kernel. */
export const SANDBOX_ATTACKS: Attacks = {
  title: "A neighbour under attacks by code in a sandbox",
  prepare: "1",
  attacks: [
    ...Object.entries(CODE).map(([name, code]) => ({
      name,
      code: `${PREPARE}${code}`,
      plainCode: plainCode(code),
      timeout: SECONDS,
      expect: /\[timeout|kernel_died/,
    })),
    ...messages,
  ],
};
