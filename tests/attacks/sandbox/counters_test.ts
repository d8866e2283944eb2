/**
 * Resources that Linux counts per user over all containers: one sandbox takes and holds all of them in a background process;
 * another sandbox must still be able to use them.
 *
 * Not tested: epoll watches, of which it would take millions; inotify, keys and message queues, which a sandbox cannot
 * use at all (tests/integration/sandbox/isolation_test.ts); locked memory, which Linux counts per process.
 */
import assert from "node:assert/strict";
import { type Scene, withScene } from "../neighbours.ts";

/** `hold(take)` calls `take` in a process that keeps running, and prints the result. */
const HOLD = `
import array, ctypes, errno, fcntl, os, resource, select, signal, socket, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def hold(take):
    global held
    reading, writing = os.pipe()
    held = os.fork()
    if held == 0:
        try:
            said = take()
        except BaseException as error:
            said = repr(error)
        os.write(writing, str(said).encode())
        while True: time.sleep(1000)
    os.close(writing)
    print(os.read(reading, 1000).decode())
    os.close(reading)
def last_error():
    return errno.errorcode[ctypes.get_errno()]
`;

const IN_FLIGHT = `
kept = []
def fly(ends, number):
    ends[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * number))])
def in_flight():
    """Descriptors sent and never received, until not a single one more can be sent."""
    number = 200
    while True:
        ends = socket.socketpair()
        kept.append(ends)
        try:
            while True: fly(ends, number)
        except OSError as error:
            if error.errno != errno.EAGAIN and number == 1: return errno.errorcode[error.errno]
            if error.errno != errno.EAGAIN: number = 1
`;

const PIPES = `
MIB = 1 << 20
kept = []
def pipe_pages():
    """Pipes as large as they can be, until there is no page left for another."""
    while True:
        kept.append(os.pipe())
        try: fcntl.fcntl(kept[-1][1], fcntl.F_SETPIPE_SZ, MIB)
        except OSError as error: return errno.errorcode[error.errno]
def plain_pipes():
    """Pipes of the usual size, until a new one gets less."""
    while True:
        kept.append(os.pipe())
        if fcntl.fcntl(kept[-1][1], fcntl.F_GETPIPE_SZ) < 65536: return "less"
`;

const SIGNALS = `
def queue(signal_number, pid):
    return libc.sigqueue(pid, signal_number, ctypes.c_void_p(0))
def timer():
    made = ctypes.c_void_p()
    return libc.timer_create(1, None, ctypes.byref(made))
def queued_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
    while queue(signal.SIGRTMIN, os.getpid()) == 0: pass
    return last_error()
def timers():
    while timer() == 0: pass
    return last_error()
`;

const THREADS = `
stop = threading.Event()
def threads():
    for number in range(200): threading.Thread(target=stop.wait, daemon=True).start()
    return threading.active_count()
`;

interface Counter {
  readonly name: string;
  /** Defines functions. */
  readonly tools: string;
  /** The function that takes all of the resource. */
  readonly take: string;
  /** The result of that function when it has taken all. */
  readonly taken: RegExp;
  /** The neighbour's cell, and its last line. */
  readonly use: string;
  readonly used: RegExp;
}

const COUNTERS: readonly Counter[] = [
  {
    name: "descriptors in flight",
    tools: IN_FLIGHT,
    take: "in_flight",
    taken: /ETOOMANYREFS/,
    use: "ends = socket.socketpair()\nfly(ends, 200)\n'sent'",
    used: /'sent'/,
  },
  {
    name: "pages of pipes, by the largest",
    tools: PIPES,
    take: "pipe_pages",
    taken: /EPERM/,
    use: "[fcntl.fcntl(os.pipe()[1], fcntl.F_SETPIPE_SZ, MIB) for _ in range(8)][-1]",
    used: /1048576/,
  },
  {
    name: "pages of pipes, by many",
    tools: PIPES,
    take: "plain_pipes",
    taken: /less/,
    // More than the attacker's own cell gives back at its end.
    use: "[fcntl.fcntl(os.pipe()[1], fcntl.F_GETPIPE_SZ) for _ in range(200)][-1]",
    used: /65536/,
  },
  {
    name: "queued signals",
    tools: SIGNALS,
    take: "queued_signals",
    taken: /EAGAIN/,
    use: "signal.signal(signal.SIGRTMIN, signal.SIG_IGN)\nqueue(signal.SIGRTMIN, os.getpid()), timer()",
    used: /\(0, 0\)/,
  },
  {
    name: "timers, which reserve a queued signal each",
    tools: SIGNALS,
    take: "timers",
    taken: /EAGAIN/,
    use:
      "timer(), queue(signal.SIGRTMIN, os.getpid()) if signal.signal(signal.SIGRTMIN, signal.SIG_IGN) else 0",
    used: /\(0, 0\)/,
  },
  {
    name: "processes and threads, as RLIMIT_NPROC counts them",
    tools: THREADS,
    take: "threads",
    taken: /201/,
    use:
      "resource.setrlimit(resource.RLIMIT_NPROC, (100, resource.getrlimit(resource.RLIMIT_NPROC)[1]))\nthread = threading.Thread(target=int)\nthread.start(); thread.join()\n'started'",
    used: /'started'/,
  },
];

Deno.test("a sandbox that exhausts a per-user resource of Linux does not take it from another sandbox", async (t) => {
  await withScene({}, async (scene) => {
    for (const counter of COUNTERS) {
      await t.step(counter.name, () => takeAndUse(scene, counter));
    }
  });
});

async function takeAndUse({ client, target, neighbour }: Scene, counter: Counter): Promise<void> {
  const { tools, take, taken, use, used } = counter;
  const attack = await client.run(target, `${HOLD}${tools}\nhold(${take})`, 60);
  assert.match(attack.text, taken);
  assert.match(attack.text, /\[1 process, first seen after this cell, runs in the background/);
  const answer = await client.run(neighbour, `${HOLD}${tools}\n${use}`, 20);
  assert.match(answer.text, used, "the neighbour's cell");
  assert.match(answer.text, /\[ok, /);
  await assertOwnCells({ client, target, neighbour });
}

/** The attacker lacks the resource itself: its next cell runs or is refused with a reason within seconds, and the one after runs. */
async function assertOwnCells({ client, target }: Scene): Promise<void> {
  const next = await client.run(
    target,
    "try: os.kill(held, 9); os.waitpid(held, 0)\nfinally: print('ran')",
    60,
  );
  assert.match(
    next.text,
    /ran[^]*\[ok, |ETOOMANYREFS[^]*the cell did not run[^]*kernel restarted: variables are lost/,
  );
  assert.doesNotMatch(next.text, /ran[^]*the cell did not run/);
  // Without the bound on retries, it would wait for its whole timeout of a minute.
  assert.ok(next.ms < 30_000, `it took ${next.ms} ms`);
  assert.match((await client.run(target, "6 * 7", 20)).text, /^\[value\]\n42\n\[ok, /);
}

Deno.test("a sandbox that exhausts descriptors in flight gets a new kernel and the reason", async () => {
  await withScene({}, async ({ client, target, neighbour }) => {
    const attack = await client.run(target, `${HOLD}${IN_FLIGHT}\nin_flight()`, 60);
    assert.match(attack.text, /ETOOMANYREFS/);
    await assertOwnCells({ client, target, neighbour });
  });
});
