/** What code in a sandbox can read of the machine that it runs on. */
import assert from "node:assert/strict";
import * as z from "zod";
import { MASKED_PATHS } from "../../../src/runtime/mod.ts";
import { imageReference } from "../../../src/images/identity.ts";
import hostView from "./host_view.py" with { type: "text" };
import libraries from "./system_libraries.py" with { type: "text" };
import { runConfined } from "./run_confined.ts";

const PYTHON = imageReference("python");

const View = z.object({
  open: z.record(z.string(), z.number()),
  traces: z.record(z.string(), z.array(z.string())),
});

/** The text of a file of this machine, which is the engine's unless that is remote. */
async function hostText(path: string): Promise<string> {
  return (await Deno.readTextFile(path).catch(() => "")).trim();
}

/** Texts that identify the machine, read on the machine. */
async function hostTraces(): Promise<Record<string, string>> {
  const disks = (await hostText("/proc/partitions")).split("\n").slice(1).map((line) =>
    line.trim().split(/\s+/)
  );
  const [, , blocks, disk] =
    disks.find(([, , , name]) => name !== undefined && /^(?:vd|sd|nvme)/.test(name)) ??
      [];
  const nameserver = /^nameserver\s+(\S+)/m.exec(await hostText("/etc/resolv.conf"))?.[1];
  const found = {
    "the boot's id": await hostText("/proc/sys/kernel/random/boot_id"),
    "the kernel's command line": (await hostText("/proc/cmdline")).slice(0, 64),
    "the name": Deno.hostname().length > 3 ? `\n${Deno.hostname()}\n` : "",
    "the name server": nameserver ?? "",
    "a disk's size": blocks ?? "",
    "a disk": disk === undefined ? "" : ` ${disk} `,
  };
  return Object.fromEntries(Object.entries(found).filter(([, text]) => text !== ""));
}

Deno.test("no path that the engine can mask reveals the machine", async () => {
  const traces = await hostTraces();
  assert.ok(Object.keys(traces).length >= 2);
  const found = await runConfined({
    image: PYTHON,
    program: hostView,
    args: [JSON.stringify({ masked: MASKED_PATHS, traces })],
  }, View);
  assert.deepEqual(found.open, {});
  assert.deepEqual(found.traces, {});
});

Deno.test("libraries that read processors, memory and limits work without the masked paths", async () => {
  const found = await runConfined({ image: PYTHON, program: libraries }, z.record(z.string(), z.string()));
  assert.ok(Object.keys(found).length >= 12);
  assert.deepEqual(Object.entries(found).filter(([, outcome]) => outcome !== "ok"), []);
});
