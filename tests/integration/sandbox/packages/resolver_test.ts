import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { hostCertificates } from "../../../../src/lib/host_certificates.ts";
import { concatBytes } from "../../../../src/lib/bytes.ts";
import { type ContainerRuntime, type ContainerSpec, Removals } from "../../../../src/runtime/mod.ts";
import { Resolver, type ResolveRequest } from "../../../../src/sandbox/packages/resolver.ts";
import type { Plan } from "../../../../src/sandbox/packages/resolver_answer.ts";
import { PYTHON_IMAGE } from "../../../fixtures/images.ts";
import { assertNothingLeft, connectTestEngine, newInstance } from "../../../fixtures/server.ts";
import { runtimeOver } from "../../../fixtures/sandbox_manager.ts";

const MIB = 1024 * 1024;
const OPTIONS = { timeoutMs: 60_000, signal: new AbortController().signal, onProgress: () => {} };

/** The way to the index, as the host has it. */
async function site(environment: Record<string, string> = {}) {
  const index = Deno.env.get("PIP_INDEX_URL");
  return {
    environment: { ...(index === undefined ? {} : { UV_DEFAULT_INDEX: index }), ...environment },
    certificates: await hostCertificates((name) => Deno.env.get(name)),
    constraints: "",
  };
}

async function request(requirements: string[], more: Partial<ResolveRequest> = {}): Promise<ResolveRequest> {
  return { requirements, installed: {}, target: null, site: await site(), ...more };
}

interface Lab {
  readonly resolver: Resolver;
  /** What the engine was asked for. */
  readonly specs: ContainerSpec[];
}

async function withResolver(
  test: (lab: Lab) => Promise<void>,
  change: (spec: ContainerSpec) => ContainerSpec = (spec) => spec,
): Promise<void> {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const specs: ContainerSpec[] = [];
  const plain = runtimeOver(engine, {});
  const runtime: ContainerRuntime = {
    ...plain,
    createContainer: (spec, options) => {
      specs.push(spec);
      return plain.createContainer(change(spec), options);
    },
  };
  const removals = new Removals(runtime);
  const resolver = new Resolver({
    runtime,
    removals,
    instance,
    image: PYTHON_IMAGE,
    network: "bridge",
    treeBytes: 64 * MIB,
  });
  try {
    await test({ resolver, specs });
  } finally {
    await removals.allRemoved();
    await assertNothingLeft(engine, instance);
  }
}

/** The names of the files in an archive. */
async function names(_plan: Plan, archive: AsyncIterable<Uint8Array>): Promise<string[]> {
  const parts: Uint8Array[] = [];
  for await (const chunk of archive) parts.push(chunk);
  const plain = new Blob([concatBytes(parts).slice()]).stream().pipeThrough(new DecompressionStream("gzip"));
  const tar = await new Response(plain).bytes();
  const found: string[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const header = new TextDecoder().decode(tar.subarray(at, at + 512));
    const size = parseInt(header.slice(124, 136), 8);
    if (header[156] === "0") found.push(header.slice(0, 100).replace(/\0.*/s, ""));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

Deno.test("a resolver gets wheels for another Python, C library and processor than its own", async () => {
  await withResolver(async ({ resolver }) => {
    const target = { implementation: "cpython", python: "3.11.4", installed: [] };
    const glibc = { ...target, machine: "aarch64", libc: "glibc 2.36" };
    const files = await resolver.resolve(await request(["markupsafe"], { target: glibc }), OPTIONS, names);
    assert.ok(
      files.some((name) => /_speedups\.cpython-311-aarch64-linux-gnu\.so$/.test(name)),
      files.join(" "),
    );
    const musl = { ...target, machine: "x86_64", libc: null };
    const others = await resolver.resolve(await request(["markupsafe"], { target: musl }), OPTIONS, names);
    assert.ok(
      others.some((name) => /_speedups\.cpython-311-x86_64-linux-musl\.so$/.test(name)),
      others.join(" "),
    );
  });
});

Deno.test("facts() reports an image's Python and what its kernel needs, from a container without a network", async () => {
  await withResolver(async ({ resolver, specs }) => {
    const facts = await resolver.facts(PYTHON_IMAGE, OPTIONS);
    assert.match(facts.python, /^3\.\d+\.\d+$/);
    assert.match(facts.libc ?? "", /^glibc 2\./);
    assert.equal(facts.implementation, "cpython");
    const kernel = new Map(facts.installed.map(([name, , needed]) => [name.toLowerCase(), needed]));
    assert.deepEqual([kernel.get("ipython"), kernel.get("traitlets"), kernel.get("pandas")], [
      true,
      true,
      false,
    ]);
    assert.equal(specs[0]?.network, undefined);
  });
});

Deno.test("the engine learns no password of the index, no proxy and no certificate", async () => {
  await withResolver(async ({ resolver, specs }) => {
    const secrets = {
      UV_DEFAULT_INDEX: "http://user:hunter2@127.0.0.1:9/simple",
      HTTPS_PROXY: "http://p:hunter3@127.0.0.1:9",
    };
    const work = resolver.resolve(
      await request(["humanize"], { site: await site(secrets) }),
      { ...OPTIONS, timeoutMs: 40_000 },
      names,
    );
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof OmcpError && error.code === "package_index_unreachable", String(error));
      assert.doesNotMatch(JSON.stringify([error.message, error.next, error.details]), /hunter|127\.0\.0\.1/);
      return true;
    });
    const [spec] = specs;
    assert.equal(spec?.network, "bridge");
    assert.doesNotMatch(JSON.stringify(spec), /hunter|CERTIFICATE/);
  });
});

Deno.test("the answer of a resolver that is not confined as specified is not used", async () => {
  const changes: [string, (spec: ContainerSpec) => ContainerSpec, RegExp][] = [
    ["processes", (spec) => ({ ...spec, limits: { ...spec.limits, pids: 999 } }), /the process limit is 999/],
    ["user", (spec) => ({ ...spec, confinement: { ...spec.confinement, uid: 12345 } }), /the uid is 12345/],
    [
      "volumes",
      (spec) => ({
        ...spec,
        tmpfs: [...spec.tmpfs, { path: "/mnt", bytes: MIB, inodes: 10, mode: "0700", exec: true }],
      }),
      /\/mnt is writable/,
    ],
  ];
  for (const [what, change, says] of changes) {
    await withResolver(async ({ resolver }) => {
      const work = resolver.resolve(
        await request(["humanize"]),
        OPTIONS,
        () => Promise.reject(new Error("it was used")),
      );
      await assert.rejects(work, (error) => {
        assert.ok(error instanceof OmcpError && error.code === "sandbox_unsafe", `${what}: ${error}`);
        assert.match(error.message, says);
        return true;
      });
    }, change);
  }
});

Deno.test("aborting the signal of a resolution ends it and its container", async () => {
  await withResolver(async ({ resolver, specs }) => {
    for (const ms of [0, 200, 600, 1200]) {
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(), ms);
      const slow = await site({ UV_DEFAULT_INDEX: "http://192.0.2.1/simple" });
      await assert.rejects(
        async () =>
          await resolver.resolve(
            await request(["humanize"], { site: slow }),
            { ...OPTIONS, signal: controller.signal },
            names,
          ),
        (error) => error instanceof OmcpError && error.code === "cancelled",
      );
      clearTimeout(timer);
    }
    assert.ok(specs.length >= 3);
  });
});
