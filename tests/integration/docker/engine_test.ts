import assert from "node:assert/strict";
import { Engine } from "../../../src/docker/mod.ts";
import { BASE_IMAGE, withEngine } from "../../fixtures/docker/support.ts";

Deno.test("Engine connects, and reports the engine's information", () =>
  withEngine(async ({ engine }) => {
    const info = await engine.info();
    assert.match(engine.apiVersion, /^1\.(4[1-9]|5[01])$/);
    assert.equal(info.osType, "linux");
    assert.ok(info.cpus > 0 && info.memoryBytes > 0);
    assert.ok(info.runtimes.includes(info.defaultRuntime));
  }));

Deno.test("Engine creates, starts, waits for and removes a container", () =>
  withEngine(async ({ engine, labels, create }) => {
    const id = await create(["sh", "-c", "read line; exit 7"]);
    assert.equal((await engine.inspectContainer(id)).state.status, "created");
    assert.deepEqual(await engine.listContainers({ labels }), []);
    const attachment = await engine.attach(id);
    await engine.startContainer(id);
    await engine.startContainer(id);
    assert.equal((await engine.inspectContainer(id)).state.running, true);
    assert.deepEqual((await engine.listContainers({ labels })).map((container) => container.id), [id]);
    const ended = engine.waitContainer(id);
    await attachment.writable.getWriter().write(new TextEncoder().encode("go\n"));
    assert.deepEqual(await ended, { exitCode: 7 });
    await attachment.closed;
    const container = await engine.inspectContainer(id);
    assert.equal(container.image, BASE_IMAGE);
    assert.deepEqual(container.labels, labels);
    assert.equal(container.state.exitCode, 7);
    await engine.removeContainer(id);
    await assert.rejects(engine.inspectContainer(id), { code: "engine_not_found" });
  }));

Deno.test("killContainer() and removeContainer() are idempotent, also in concurrent calls", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["sleep", "1000"]);
    await engine.killContainer(id);
    await engine.startContainer(id);
    await engine.killContainer(id);
    assert.deepEqual(await engine.waitContainer(id), { exitCode: 137 });
    await engine.killContainer(id);
    await Promise.all([engine.removeContainer(id), engine.removeContainer(id), engine.removeContainer(id)]);
    await assert.rejects(engine.inspectContainer(id), { code: "engine_not_found" });
    await engine.removeContainer(id);
    await engine.killContainer(id);
  }));

Deno.test("Engine reports a missing, conflicting or refused object with the engine's own message", () =>
  withEngine(async ({ engine, labels, name, create }) => {
    const absent = name();
    await assert.rejects(engine.startContainer(absent), {
      code: "engine_not_found",
      message: /No such container/,
    });
    await assert.rejects(engine.attach(absent), { code: "engine_not_found", message: /No such container/ });
    await assert.rejects(engine.createContainer({ Image: "omcp-none:none" }, { name: absent }), {
      code: "image_missing",
      message: /No such image/,
    });
    const id = await create(["true"]);
    const taken = (await engine.inspectContainer(id)).name;
    await assert.rejects(
      engine.createContainer({ Image: BASE_IMAGE, Cmd: ["true"], Labels: labels }, { name: taken }),
      {
        code: "engine_conflict",
        message: /already in use/,
      },
    );
    const other = await create(["true"]);
    await assert.rejects(engine.renameContainer(other, taken), { code: "engine_conflict" });
    await engine.renameContainer(id, absent);
    assert.equal((await engine.inspectContainer(absent)).id, id);
    await assert.rejects(engine.inspectContainer(taken), { code: "engine_not_found" });
    await engine.renameContainer(absent, taken);
    const unsound = { Image: BASE_IMAGE, Cmd: ["true"], Labels: labels, HostConfig: { Memory: 1 } };
    await assert.rejects(engine.createContainer(unsound, { name: absent }), { code: "engine_refused" });
    const unrunnable = await create(["/no/such/program"]);
    await assert.rejects(engine.startContainer(unrunnable), { message: /no such file/ });
  }));

Deno.test("Engine sends no request with an invalid name", () =>
  withEngine(async ({ engine }) => {
    for (const id of ["../images", "x?force=1", "a/b", ""]) {
      await assert.rejects(engine.removeContainer(id), { code: "invalid_argument" });
      await assert.rejects(async () => await engine.attach(id), { code: "invalid_argument" });
      await assert.rejects(engine.removeVolume(id), { code: "invalid_argument" });
    }
    await assert.rejects(engine.inspectImage("--privileged"), { code: "invalid_argument" });
  }));

Deno.test("waitContainer() ends at its deadline and on its signal", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["sleep", "1000"]);
    await engine.startContainer(id);
    await assert.rejects(engine.waitContainer(id, { deadlineMs: 50 }), {
      code: "timeout",
      message: /timed out after 0.05 s/,
    });
    const controller = new AbortController();
    const waiting = engine.waitContainer(id, { signal: controller.signal });
    controller.abort();
    await assert.rejects(waiting, { code: "cancelled" });
    await assert.rejects(engine.info({ signal: controller.signal }), {
      code: "cancelled",
      state: "It did not run.",
    });
    await assert.rejects(engine.info({ deadlineMs: Number.NaN }), { code: "invalid_argument" });
    assert.equal((await engine.inspectContainer(id)).state.running, true);
  }));

Deno.test("connect() refuses an address without TLS, and what is not an address", async () => {
  for (const host of ["tcp://127.0.0.1:2375", "unix://relative", "", `unix:///${"x".repeat(200)}`]) {
    await assert.rejects(Engine.connect({ host }), { code: "config_invalid" });
  }
});
