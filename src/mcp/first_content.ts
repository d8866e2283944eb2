/** What a new sandbox contains: files and packages that its creator asks for. */
import { OmcpError } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import type { Sandbox } from "../sandbox/mod.ts";
import { fileContent } from "./file_content.ts";
import { relativePath } from "./file_path.ts";
import { shownPath } from "../lib/shown_path.ts";
import { installInto } from "./install.ts";
import type { PackageService } from "./tool.ts";

/** Most files of one creation; write_file can add more. */
export const MAX_FIRST_FILES = 32;
/** How long writing the files may take, ms. */
const FILES_MS = 60_000;
/** How long installing the packages may take, ms. */
const PACKAGES_MS = 300_000;

/** What a caller asks for. */
export interface ContentRequest {
  readonly files?:
    | readonly {
      readonly path: string;
      readonly text?: string | undefined;
      readonly base64?: string | undefined;
    }[]
    | undefined;
  /** Requirements by PEP 508. */
  readonly packages?: readonly string[] | undefined;
}

/** The files and packages for a new sandbox, checked as far as possible without one. */
export interface FirstContent {
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  readonly packages: readonly string[];
  /** How long all of it may take, ms. */
  readonly timeoutMs: number;
}

/**
 * Checks what a caller asks for, before a sandbox exists.
 *
 * @param request The request.
 * @param installer Installs packages; undefined if nothing may be installed.
 * @throws {OmcpError} `invalid_argument`, `package_not_allowed`.
 */
export function firstContent(
  { files = [], packages = [] }: ContentRequest,
  installer: Pick<PackageService, "check"> | undefined,
): FirstContent {
  requirePaths(files.map(({ path }) => path));
  const content = files.map(({ path, text, base64 }, at) => {
    try {
      return { path, bytes: fileContent(text, base64) };
    } catch (error) {
      throw inStep(`files[${at}]`, error, "No sandbox was created.");
    }
  });
  if (packages.length > 0) {
    try {
      installer?.check(packages);
    } catch (error) {
      throw inStep("packages", error, "No sandbox was created.");
    }
  }
  return {
    files: content,
    packages,
    timeoutMs: (files.length > 0 ? FILES_MS : 0) + (packages.length > 0 ? PACKAGES_MS : 0),
  };
}

/** How {@link addContent} works. */
export interface ContentWork {
  /** Installs packages; undefined if nothing may be installed. */
  readonly installer: Pick<PackageService, "install"> | undefined;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

/**
 * Writes the files, then installs the packages.
 *
 * @param sandbox The new sandbox.
 * @param content What is to be in it.
 * @param work See {@link ContentWork}.
 * @returns A line for each step.
 * @throws {OmcpError} What a step throws; the message says which step it was.
 */
export async function addContent(
  sandbox: Sandbox,
  { files, packages }: FirstContent,
  { installer, signal, progress }: ContentWork,
): Promise<string[]> {
  const lines: string[] = [];
  for (const [at, { path, bytes }] of files.entries()) {
    progress(`writing file ${at + 1} of ${files.length}`);
    try {
      await sandbox.files.write(path, [bytes], { overwrite: false, size: bytes.length }, { signal });
    } catch (error) {
      throw inStep(`Cannot write ${shownPath(path)} into the new sandbox`, withoutOverwrite(error));
    }
  }
  if (files.length > 0) {
    const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const names = files.map(({ path }) => shownPath(path)).join(", ");
    lines.push(`Wrote ${counted(files.length, "file")} (${counted(total, "byte")}): ${names}.`);
  }
  if (packages.length > 0) {
    progress("installing the packages");
    try {
      if (installer === undefined) throw new OmcpError("internal", "packages is offered without a resolver");
      const { text } = await installInto(sandbox, installer, packages, {
        timeoutMs: PACKAGES_MS,
        signal,
        onProgress: progress,
      });
      lines.push(text);
    } catch (error) {
      throw inStep("Cannot install the packages into the new sandbox", error);
    }
  }
  return lines;
}

/**
 * Refuses paths that no sandbox could write, before another sandbox is removed to make room. The agent makes the other checks.
 *
 * @throws {OmcpError} `invalid_argument`.
 */
function requirePaths(paths: readonly string[]): void {
  const taken = new Set<string>();
  for (const [at, path] of paths.entries()) {
    const relative = relativePath(path);
    const names = relative.split("/");
    const folders = names.slice(0, -1).map((_, depth) => names.slice(0, depth + 1).join("/"));
    const problem = relative === "" || relative.startsWith("/") || names.includes("..") || path.includes("\0")
      ? "must name a file below /workspace"
      : taken.has(relative) || folders.some((folder) => taken.has(folder)) ||
          [...taken].some((other) => other.startsWith(`${relative}/`))
      ? "is named twice, or as a file and a folder"
      : undefined;
    if (problem !== undefined) {
      throw new OmcpError("invalid_argument", `files[${at}]: the path ${shownPath(path)} ${problem}`, {
        state: "No sandbox was created.",
        next: "Correct the path and call again.",
      });
    }
    taken.add(relative);
  }
}

/** Removes the advice to pass `overwrite`, which `files` do not have. */
function withoutOverwrite(error: unknown): unknown {
  return error instanceof OmcpError && error.code === "file_exists"
    ? error.with({ next: "Choose another path." })
    : error;
}

function inStep(step: string, error: unknown, state?: string): unknown {
  if (!(error instanceof OmcpError)) return error;
  return error.with({ message: `${step}: ${error.message}`, ...(state === undefined ? {} : { state }) });
}
