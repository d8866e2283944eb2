import assert from "node:assert/strict";
import { chosenOciRuntime, unusableBecause } from "../../../src/app/usable_engine.ts";

/** As Docker's engine reports itself, run by root. */
const ROOTFUL = {
  securityOptions: ["name=seccomp,profile=default"],
  cgroupDriver: "cgroupfs",
  memoryLimit: true,
  pidsLimit: true,
  cpuQuota: true,
};

Deno.test("unusableBecause() accepts Docker's engine, also a rootless one that has limits", () => {
  assert.deepEqual(unusableBecause("Engine", ROOTFUL), []);
  const rootless = {
    ...ROOTFUL,
    securityOptions: ["name=rootless", "name=cgroupns"],
    cgroupDriver: "systemd",
  };
  assert.deepEqual(unusableBecause("Engine", rootless), []);
});

Deno.test("unusableBecause() refuses Podman, and an engine without limits, and says why", () => {
  assert.match(unusableBecause("Podman Engine", ROOTFUL).join(), /^Podman accepts a seccomp profile only/);
  const rootless = { ...ROOTFUL, securityOptions: ["name=rootless"], cgroupDriver: "none" };
  assert.deepEqual(unusableBecause("Engine", rootless), [
    "it limits no container's memory, processes, processor time, because it runs without root and its user was not given these cgroups",
  ]);
  assert.deepEqual(unusableBecause("Engine", { ...ROOTFUL, pidsLimit: false }), [
    "it limits no container's processes",
  ]);
});

Deno.test("chosenOciRuntime() returns the operator's runtime or the engine's default; the error for an unknown one names those of the engine", () => {
  const engine = { runtimes: ["runsc", "io.containerd.runc.v2", "runc"], defaultRuntime: "runc" };
  assert.equal(chosenOciRuntime(undefined, engine), "runc");
  assert.equal(chosenOciRuntime("runsc", engine), "runsc");
  assert.throws(() => chosenOciRuntime("kata", engine), {
    code: "config_invalid",
    message: "Cannot start: OMCP_OCI_RUNTIME is kata, and the engine has io.containerd.runc.v2, runc, runsc",
    next: /daemon\.json/,
  });
});
