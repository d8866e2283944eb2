import assert from "node:assert/strict";
import { readConfig } from "../../../src/app/config.ts";
import { resourceMaximum } from "../../../src/app/resource_maximum.ts";

const GIB = 1024 ** 3;

function maximum(settings: Record<string, string>, cpus: number, memoryGib: number) {
  const found = resourceMaximum(readConfig((name) => settings[name]), { cpus, memoryBytes: memoryGib * GIB });
  return [found.memoryBytes / GIB, found.cpus];
}

Deno.test("by default a caller may ask for half of the machine, and always for the default size", () => {
  assert.deepEqual(maximum({}, 8, 32), [16, 4]);
  assert.deepEqual(maximum({}, 1, 2), [2, 1]);
  assert.deepEqual(maximum({ OMCP_MEMORY_MIB: "8192", OMCP_CPU_PERCENT: "300" }, 4, 8), [8, 3]);
});

Deno.test("the settings decide where they say something", () => {
  assert.deepEqual(maximum({ OMCP_MEMORY_MAX_MIB: "3072", OMCP_CPU_MAX_PERCENT: "150" }, 8, 32), [3, 1.5]);
});

Deno.test("a server does not start with more processors than the machine has, as its default or its maximum", () => {
  for (const [name, cpus] of [["OMCP_CPU_PERCENT", 1], ["OMCP_CPU_MAX_PERCENT", 2]] as const) {
    assert.throws(() => maximum({ [name]: "250" }, cpus, 8), {
      code: "config_invalid",
      message: `Cannot start: ${name} is 250, and the engine's machine has ${cpus} processors`,
    });
  }
});
