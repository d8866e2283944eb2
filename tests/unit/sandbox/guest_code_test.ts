import assert from "node:assert/strict";
import * as z from "zod";
import type { BootModules } from "../../../src/agent_protocol/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { GUEST_MODULES } from "../../../src/guest/mod.ts";
import { type Attachment, type ContainerSpec, LABEL_ROLE, Removals } from "../../../src/runtime/mod.ts";
import { newSandboxId, startSandbox } from "../../../src/sandbox/factory.ts";
import { GuestCode } from "../../../src/sandbox/guest_code.ts";
import { DEFAULT_POLICY } from "../../../src/sandbox/mod.ts";
import { FakeRuntime } from "../../fixtures/fake_runtime.ts";

type Answer = (names: readonly string[]) => unknown;

/** Compilers in it answer as a test says; sandboxes are as in any fake. */
class CompilingRuntime extends FakeRuntime {
  readonly #answer: Answer;
  /** The compilers' specifications. */
  readonly compilers: ContainerSpec[] = [];

  constructor(answer: Answer) {
    super();
    this.#answer = answer;
  }

  override attach(id: string): Promise<Attachment> {
    const spec = this.containers.get(id)?.spec;
    if (spec?.labels[LABEL_ROLE] !== "compiler") return super.attach(id);
    this.compilers.push(spec);
    const { readable: input, writable } = new TransformStream<
      Uint8Array<ArrayBuffer>,
      Uint8Array<ArrayBuffer>
    >();
    const asked = new Response(input).text();
    const answered = asked.then(async (text) => {
      const names = Object.keys(z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
      return new TextEncoder().encode(JSON.stringify(await this.#answer(names)));
    });
    // Closing ends the output, as the engine's does.
    const ended = Promise.withResolvers<undefined>();
    const readable = ReadableStream.from(async function* () {
      const answer = await Promise.race([answered, ended.promise]);
      if (answer !== undefined) yield answer;
    }());
    const closed = Promise.race([answered, ended.promise]).then(() => {});
    const close = () => ended.resolve(undefined);
    return Promise.resolve({ readable, writable, stderr: ReadableStream.from([]), closed, close });
  }
}

const IMAGE = "omcp-python:test";

/** A GuestCode that compiles, and `start`: it starts a sandbox, removes it, and returns the modules that it got. */
function compilingCode(answer: Answer, change: { readonly ociRuntime?: string } = {}) {
  const runtime = new CompilingRuntime(answer);
  const removals = new Removals(runtime);
  const policy = { ...DEFAULT_POLICY, ...change };
  const common = { runtime, removals, instance: "test", image: IMAGE, imageName: IMAGE, policy };
  const closing = new AbortController();
  const code = new GuestCode({ ...common, compiles: true, closing: closing.signal });
  async function start(image = IMAGE): Promise<BootModules | undefined> {
    let given: BootModules | undefined;
    const { container, kernelStarted } = await code.start(image, (modules) => {
      given = modules;
      return startSandbox({
        ...{ ...common, modules, id: newSandboxId(), lifetimeMs: 60_000, leaseSeconds: 60 },
        signal: AbortSignal.timeout(60_000),
      });
    });
    await kernelStarted;
    await container.remove("removed").removed;
    return given;
  }
  return { runtime, code, closing, start, [Symbol.dispose]: () => removals.close() };
}

/** The modules that four sandboxes get, one after the other. */
async function givenModules(
  answer: Answer,
  change: { readonly ociRuntime?: string } = {},
): Promise<{ readonly given: readonly (BootModules | undefined)[]; readonly runtime: CompilingRuntime }> {
  using compiling = compilingCode(answer, change);
  const { runtime, code, start } = compiling;
  const given: (BootModules | undefined)[] = [];
  for (let count = 1; count <= 4; count += 1) {
    given.push(await start());
    await code.close();
  }
  assert.equal(runtime.containers.size, 0, "nothing is left behind");
  return { given, runtime };
}

const MAGIC = "f30d0d0a";
const right: Answer = (names) => ({ magic: MAGIC, code: codeOf(names) });

function codeOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, btoa(name)]));
}

Deno.test("the container that compiles gets only the server's own modules, can write nothing, and has the sandboxes' OCI runtime", async () => {
  const { given, runtime } = await givenModules(right, { ociRuntime: "runsc" });
  assert.deepEqual(given.map((modules) => modules?.magic), ["", "", MAGIC, MAGIC]);
  const [spec, ...others] = runtime.compilers;
  assert.ok(spec !== undefined && others.length === 0);
  const { env, tmpfs, volumes = [], readOnlyFolders = [], network, ociRuntime } = spec;
  const none: unknown[] = [];
  assert.deepEqual({ env, tmpfs, volumes, readOnlyFolders, network, ociRuntime }, {
    ...{ env: {}, tmpfs: none, volumes: none, readOnlyFolders: none, network: undefined },
    ociRuntime: "runsc",
  });
  for (const [name, code] of Object.entries(given[2]?.code ?? {})) {
    assert.ok(GUEST_MODULES[name] !== undefined && atob(code) === name);
  }
});

const ODD: readonly { readonly name: string; readonly answer: Answer }[] = [
  { name: "lacks a module", answer: (names) => ({ magic: MAGIC, code: codeOf(names.slice(1)) }) },
  {
    name: "has another module",
    answer: (names) => ({ magic: MAGIC, code: codeOf([...names, "agent.evil"]) }),
  },
  { name: "has something else", answer: (names) => ({ magic: MAGIC, code: codeOf(names), config: {} }) },
  { name: "has no magic number", answer: (names) => ({ magic: "", code: codeOf(names) }) },
  { name: "is not base64", answer: (names) => ({ magic: MAGIC, code: { ...codeOf(names), agent: "!" } }) },
  { name: "is not an object", answer: () => "compiled" },
  { name: "is longer than 6 MiB", answer: () => "A".repeat(7 * 1024 * 1024) },
];

for (const { name, answer } of ODD) {
  Deno.test(`where the compiler's answer ${name}, sandboxes get sources, and it is not asked again`, async () => {
    const { given, runtime } = await givenModules(answer);
    assert.deepEqual(given.map((modules) => modules?.code), [{}, {}, {}, {}]);
    assert.equal(runtime.compilers.length, 1);
  });
}

/** How the entry of an image goes while its modules are being compiled. */
const FORGOTTEN: Readonly<Record<string, (compiling: ReturnType<typeof compilingCode>) => Promise<void>>> = {
  "whose next sandbox could not start": async ({ code }) => {
    const failed = new OmcpError("sandbox_start_failed", "Cannot boot");
    await assert.rejects(code.start(IMAGE, () => Promise.reject(failed)), failed);
  },
  "that eight others have displaced": async ({ start }) => {
    for (let number = 1; number <= 8; number += 1) await start(`other:${number}`);
  },
};

for (const [which, forget] of Object.entries(FORGOTTEN)) {
  for (const aborted of [false, true]) {
    Deno.test(`close() waits for the compiler of an image ${which}${aborted ? ", and aborting ends it" : ""}`, async () => {
      const asked = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<unknown>();
      using compiling = compilingCode((names) => {
        asked.resolve();
        return answer.promise.then(() => right(names));
      });
      const { runtime, code, closing, start } = compiling;
      for (let count = 1; count <= 2; count += 1) await start();
      await asked.promise;
      await forget(compiling);
      let closed = false;
      const closes = code.close().then(() => {
        closed = true;
      });
      // The image's new entry begins at nothing.
      assert.equal((await start())?.magic, "");
      assert.deepEqual([closed, runtime.containers.size], [false, 1], "its compiler still runs");
      if (aborted) closing.abort();
      else answer.resolve(undefined);
      await closes;
      assert.deepEqual([runtime.containers.size, runtime.compilers.length], [0, 1]);
      answer.resolve(undefined);
    });
  }
}
