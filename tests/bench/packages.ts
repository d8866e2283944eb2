/** Measures how long an installation takes: with a resolution and download, and from the server's cache. */
import { hostCertificates } from "../../src/lib/host_certificates.ts";
import { Packages } from "../../src/sandbox/packages/packages.ts";
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { interleaved, timed } from "./stats.ts";

const ROUNDS = 5;
/** Compiled, about 20 MB unpacked, in no image of ours. */
const PACKAGE = "rapidfuzz";
const TIMEOUT_MS = 120_000;

/**
 * Measures installations into fresh sandboxes.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 */
export async function benchPackages(rig: Rig, report: Report): Promise<void> {
  const index = Deno.env.get("PIP_INDEX_URL");
  const certificates = await hostCertificates((name) => Deno.env.get(name));
  const open = () =>
    new Packages({
      mode: "any",
      allowed: new Set(),
      network: "bridge",
      resolverImage: rig.image,
      runtime: rig.runtime,
      instance: rig.instance,
      workspaceBytes: 256 * 1024 * 1024,
      site: () =>
        Promise.resolve({
          environment: index === undefined ? {} : { UV_DEFAULT_INDEX: index },
          certificates,
          constraints: "",
        }),
    });
  const cached = open();
  await into(rig, cached);
  const figures = await interleaved(ROUNDS, {
    resolved: async () => {
      const fresh = open();
      try {
        return await into(rig, fresh);
      } finally {
        await fresh.close();
      }
    },
    cached: () => into(rig, cached),
  });
  await cached.close();
  const base = "resolved and downloaded";
  report.table(`Install ${PACKAGE} into a fresh sandbox`, [
    { name: base, figures: figures.get("resolved") ?? [] },
    { name: "from the server's cache", figures: figures.get("cached") ?? [], over: [base] },
  ]);
}

async function into(rig: Rig, packages: Packages): Promise<number> {
  const sandbox = await rig.manager.create();
  try {
    const { signal } = new AbortController();
    return await timed(() => packages.install(sandbox, [PACKAGE], { timeoutMs: TIMEOUT_MS, signal }));
  } finally {
    await rig.manager.remove(sandbox.id);
  }
}
