/** Installs packages for a call, and describes what was done. */
import { counted } from "../lib/counted.ts";
import { readableBytes, showable } from "../lib/text.ts";
import { type InstallOptions, type InstallResult, loadedPackages, type Sandbox } from "../sandbox/mod.ts";
import type { PackageService } from "./tool.ts";

/**
 * Installs packages into a sandbox.
 *
 * @param sandbox The sandbox.
 * @param installer What installs them.
 * @param requirements By PEP 508.
 * @param options Deadline, cancellation, progress.
 * @returns Lines for a model, and how many bytes were unpacked.
 */
export async function installInto(
  sandbox: Sandbox,
  installer: Pick<PackageService, "install">,
  requirements: readonly string[],
  options: InstallOptions,
): Promise<{ readonly text: string; readonly bytes: number }> {
  const start = performance.now();
  const result = await installer.install(sandbox, requirements, options);
  const ms = performance.now() - start;
  const replaced = replacedOf(result);
  const loaded = replaced.length === 0
    ? []
    : await loadedPackages(sandbox, replaced.map(({ name }) => name), options.signal);
  return { text: describe(result, ms, loaded), bytes: result.bytes };
}

/** Most packages that a result names. */
const NAMED = 60;

/** Packages that replace or hide another version. */
function replacedOf({ packages }: InstallResult): InstallResult["packages"] {
  return packages.filter(({ fetched, insteadOf }) => fetched && insteadOf !== null);
}

/**
 * The result's text.
 *
 * @param result What was done.
 * @param ms How long it took.
 * @param loaded Replaced packages that the kernel has imported; undefined if it could not be asked.
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
  if (present.length > 0) lines.push(`Already installed: ${named(present)}.`);
  if (lines.length === 0) lines.push("Nothing to install: the markers exclude every package.");
  if (replaced.length > 0) {
    const changes = replaced.slice(0, NAMED).map(({ name, version, insteadOf }) =>
      `${name} ${insteadOf} → ${version}`
    );
    lines.push(`Changed versions: ${showable(changes.join(", "))}.`);
    if (loaded === undefined) {
      lines.push("A cell runs: call restart_kernel after it if the kernel has imported them.");
    } else if (loaded.length > 0) {
      lines.push(
        `The kernel has already imported ${
          showable(loaded.join(", "))
        }: call restart_kernel to use what was installed.`,
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
