import assert from "node:assert/strict";
import { type Answer } from "../../fixtures/mcp/raw_client.ts";
import { assertNeighbourSound, runTable, withScene } from "../neighbours.ts";

const FILLS = `
import os
for folder in ("/dev/shm", "/tmp", "/run", "/workspace"):
    try:
        with open(folder + "/fill", "wb") as file:
            while True: file.write(b"x" * 1_000_000)
    except OSError as error: print(error.errno)
`;

Deno.test("when memory runs out, the kernel ends, but not the sandbox, and files are kept", async (t) => {
  await withScene({ OMCP_MEMORY_MIB: "1024", OMCP_WORKSPACE_MIB: "128" }, async (scene) => {
    const { client, target } = scene;
    await client.run(target, "open('/workspace/kept', 'w').write('kept')");
    await runTable(t, scene, [
      {
        name: "Pool(4)",
        code:
          "import multiprocessing, time\ndef f(n):\n    x = bytearray(b'x') * (400 << 20); time.sleep(60)\nwith multiprocessing.get_context('fork').Pool(4) as pool: pool.map(f, range(4))",
        timeout: 50,
        expect: /kernel_died .*out_of_memory/,
      },
      {
        name: "eight children",
        code:
          "import os, time\nchildren = []\nfor _ in range(8):\n    pid = os.fork()\n    if pid == 0:\n        x = bytearray(b'x') * (200 << 20); time.sleep(5); os._exit(0)\n    children.append(pid)\n[os.waitpid(pid, 0)[1] for pid in children]",
        timeout: 50,
        expect: /out_of_memory: the sandbox's memory limit ended \d process/,
      },
      {
        name: "a memfd",
        code: "import os\nfd = os.memfd_create('x')\nwhile True: os.write(fd, b'x' * (1 << 20))",
        expect: /^\[kernel_died .*out_of_memory/,
      },
      {
        name: "shared memory",
        code: "import mmap\nx = mmap.mmap(-1, 1 << 31)\nfor n in range(0, 1 << 31, 4096): x[n] = 1",
        expect: /^\[kernel_died .*out_of_memory/,
      },
      {
        name: "the buffers of sockets, of several processes",
        code:
          "import os, socket, time\nfor _ in range(5): os.fork()\nkept = []\ntry:\n    while True:\n        pair = socket.socketpair(); kept.append(pair); pair[0].setblocking(False)\n        try:\n            while True: pair[0].send(b'x' * 100_000)\n        except BlockingIOError: pass\nexcept OSError: time.sleep(60)",
        timeout: 20,
        expect: /out_of_memory/,
      },
      {
        name: "full file systems, and then a list",
        code: `${FILLS}x = []\nwhile True: x.append(bytearray(b'x') * 50_000_000)`,
        expect: /28\n28\n28\n28\n\[files changed: fill\]\n\[kernel_died .*out_of_memory/,
      },
      {
        name: "the files are still there",
        code:
          "import os\nprint([os.path.getsize(folder + '/fill') > 1_000_000 for folder in ('/dev/shm', '/tmp', '/run', '/workspace')])\nfor folder in ('/dev/shm', '/tmp', '/run', '/workspace'): os.unlink(folder + '/fill')",
        expect: /\[True, True, True, True\]/,
      },
      {
        name: "a process that tries to lower its oom_score_adj",
        code:
          "import os\ntry: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'0')\nexcept OSError as error: print(error.errno)\nx = []\nwhile True: x.append(bytearray(b'x') * 50_000_000)",
        expect: /^\[stdout\]\n13\n\[kernel_died .*out_of_memory/,
      },
    ]);

    await t.step("an idle sandbox reports it on its next call", async () => {
      await client.run(
        target,
        "import threading, time\ndef later():\n    time.sleep(0.5); x = []\n    while True: x.append(bytearray(b'x') * 50_000_000)\nthreading.Thread(target=later).start()",
      );
      await new Promise((resolve) => setTimeout(resolve, 1000));
      let answer: Answer;
      const until = performance.now() + 60_000;
      do {
        await new Promise((resolve) => setTimeout(resolve, 2000));
        answer = await client.run(target, "import os\n'threading' in globals(), os.listdir('/workspace')");
      } while (/\(True,/.test(answer.text) && performance.now() < until);
      // If the kernel ended within a cell, that cell's result reports it.
      assert.match(
        answer.text,
        /kernel_died .*out_of_memory|^\[value\]\n\(False, \['kept'\]\)\n\[the Python process had ended since the last cell \(out_of_memory/,
      );
      assert.doesNotMatch((await client.run(target, "1")).text, /had ended|out_of_memory/);
    });

    await t.step(
      "Linux would kill the agent last, before it the subreaper, and the processes that it starts first",
      async () => {
        const { text } = await client.run(
          target,
          "import os\n{open(f'/proc/{pid}/oom_score_adj').read().strip() if pid != '1' else 'agent ' + open('/proc/1/oom_score_adj').read().strip() for pid in os.listdir('/proc') if pid.isdigit()} == {'agent 0', '20', '1000'}",
        );
        assert.match(text, /^\[value\]\nTrue\n/);
        assert.match((await client.run(target, "open('/workspace/kept').read()")).text, /'kept'/);
        await assertNeighbourSound(scene);
      },
    );
  });
});
