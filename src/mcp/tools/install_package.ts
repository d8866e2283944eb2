import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";
import { readableBytes, showable } from "../../lib/text.ts";
import {
  type InstallResult,
  loadedPackages,
  MAX_REQUIREMENT_CHARACTERS,
  MAX_REQUIREMENTS,
} from "../../sandbox/mod.ts";
import { answerWithin } from "../answer_within.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type PackageService, type Tool, type ToolServices } from "../tool.ts";

const DEFAULT_SECONDS = 300;

const requirement = z.string().min(1).max(MAX_REQUIREMENT_CHARACTERS);

/** Installs packages. */
export const tool: Tool = defineTool({
  toolset: "packages",
  define: (_variant, { waitMs, cellTimeoutMaxMs }) => ({
    name: "install_package",
    title: "Install Python packages",
    description:
      "Installs Python packages from the package index into a sandbox, with what they depend on, as wheels only: nothing is built from source. " +
      "Works while a cell runs. Packages last as long as the sandbox; a package that was imported before needs restart_kernel.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      package: z.union([requirement, z.array(requirement).min(1).max(MAX_REQUIREMENTS)]).describe(
        'One requirement or a list, such as "humanize", "pandas[excel]>=2.2,<3". No URLs, paths or options.',
      ),
      timeout: z.number().min(1).max(cellTimeoutMaxMs / 1000).optional().describe(
        `Seconds, at most ${cellTimeoutMaxMs / 1000}. Default: ${
          Math.min(DEFAULT_SECONDS, cellTimeoutMaxMs / 1000)
        }.`,
      ),
      wait: z.number().min(0).optional().describe(
        `Seconds to wait for the result, at most ${waitMs / 1000}; 0 installs in the background. Default: ${
          waitMs / 1000
        }.`,
      ),
    }),
    renamed: { packages: "package", requirements: "package", name: "package" },
    unknownArgument: (name) =>
      /index|url|option|arg/.test(name) ? "the operator sets the index; options are not possible" : undefined,
  }),
  async handle({ sandbox_id, package: given, timeout, wait }, context) {
    const { sandboxes, limits } = context.services;
    const packages = requirePackages(context.services);
    const timeoutMs = timeout === undefined
      ? Math.min(DEFAULT_SECONDS * 1000, limits.cellTimeoutMaxMs)
      : Math.round(timeout * 1000);
    const requirements = typeof given === "string" ? [given] : given;
    const sandbox = sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "install_package",
      source: `install_package ${requirements.join(", ")}`,
      timeoutMs,
      work: async (run) => {
        const start = performance.now();
        const result = await packages.install(sandbox, requirements, {
          timeoutMs,
          signal: run.signal,
          onProgress: (message) => run.progress(message),
        });
        const ms = performance.now() - start;
        const replaced = replacedOf(result);
        const loaded = replaced.length === 0
          ? []
          : await loadedPackages(sandbox, replaced.map(({ name }) => name), run.signal);
        return { kind: "text", text: describe(result, ms, loaded), bytes: result.bytes };
      },
    }, { wait });
  },
});

function requirePackages({ packages }: ToolServices): PackageService {
  if (packages !== undefined) return packages;
  throw new OmcpError("internal", "install_package is offered without a resolver");
}

/** Most packages that are named. */
const NAMED = 60;

/** Packages that go before another version. */
function replacedOf({ packages }: InstallResult): InstallResult["packages"] {
  return packages.filter(({ fetched, insteadOf }) => fetched && insteadOf !== null);
}

/**
 * The result's text.
 *
 * @param result What was done.
 * @param ms How long it took.
 * @param loaded Replaced packages that the kernel has imported; undefined where it could not be asked.
 */
function describe(result: InstallResult, ms: number, loaded: readonly string[] | undefined): string {
  const { packages, requested, bytes, cached, skipped } = result;
  const fetched = packages.filter((each) => each.fetched);
  const present = packages.filter((each) => !each.fetched && requested.has(each.name));
  const replaced = replacedOf(result);
  const lines: string[] = [];
  if (fetched.length > 0) {
    const size = `${counted(fetched.length, "package")}, ${readableBytes(bytes)}`;
    const seconds = `${(ms / 1000).toFixed(1)} s${cached ? ", from the server's cache" : ""}`;
    lines.push(`Installed ${named(fetched)} (${size}) in ${seconds}.`);
  }
  if (present.length > 0) lines.push(`There already: ${named(present)}.`);
  if (lines.length === 0) lines.push("Nothing to install: the markers exclude every package.");
  if (replaced.length > 0) {
    const changes = replaced.slice(0, NAMED).map(({ name, version, insteadOf }) =>
      `${name} ${insteadOf} → ${version}`
    );
    lines.push(`Other versions than before: ${showable(changes.join(", "))}.`);
    if (loaded === undefined) {
      lines.push("A cell runs: call restart_kernel after it if the kernel has imported them.");
    } else if (loaded.length > 0) {
      lines.push(
        `The kernel has imported ${
          showable(loaded.join(", "))
        } already: call restart_kernel to use what was installed.`,
      );
    }
  }
  if (skipped.length > 0) {
    lines.push(
      `Left out, because Python's library has modules of these names: ${showable(skipped.join(", "))}.`,
    );
  }
  return lines.join("\n");
}

function named(packages: InstallResult["packages"]): string {
  const shown = packages.slice(0, NAMED).map(({ name, version }) => showable(`${name} ${version}`)).join(
    ", ",
  );
  return packages.length > NAMED ? `${shown} … and ${packages.length - NAMED} more` : shown;
}
