import type { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import type { TextFile } from "../images/files.ts";
import { imageFiles } from "../images/files.ts";
import type { ImageKind } from "../images/kinds.ts";
import { contentHash, imageReference, LABEL_CONTENT, LABEL_IMAGE, LABEL_SAMPLE } from "../images/identity.ts";
import { hashParts } from "../lib/hash_parts.ts";
import type { Progress } from "./progress.ts";
import { ProgressDigest } from "./progress.ts";
import { generateSample } from "./sample_files.ts";
import { tarStream } from "./tar.ts";

/** The host's way to the network, which a build takes too. The finished image does not contain it. */
export interface BuildHost {
  /** Certificate authorities as PEM; may be empty. */
  readonly certificates: string;
  /** Looks up an environment variable: a package index of the site's own, proxies. */
  readonly read: (name: string) => string | undefined;
}

/** How {@link buildImage} builds. */
export interface BuildImageOptions {
  readonly host: BuildHost;
  readonly progress: Progress;
  /** Rebuilds every step, with the distribution's newest packages. @default false */
  readonly refresh?: boolean;
  /** Milliseconds. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** Variables that the builder passes to each step and keeps out of the image. */
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"] as const;

/**
 * Builds one of the images under its name.
 *
 * @param engine The engine.
 * @param kind Which image.
 * @param options The host's part, the deadline, progress.
 * @throws {OmcpError} The engine's error; `details.log` has the last lines of the build.
 */
export async function buildImage(engine: Engine, kind: ImageKind, options: BuildImageOptions): Promise<void> {
  using digest = new ProgressDigest({ progress: options.progress, title: `image ${kind}` });
  const generated = generatedFiles(kind, options.host);
  const files = [...imageFiles(kind), ...generated].map(({ path, text }) => ({
    path,
    content: new TextEncoder().encode(text),
  }));
  const labels: Record<string, string> = { [LABEL_IMAGE]: kind, [LABEL_CONTENT]: contentHash(kind) };
  if (kind === "postgres") labels[LABEL_SAMPLE] = sampleHash(generated);
  try {
    await engine.buildImage(tarStream(files), {
      tag: imageReference(kind),
      labels,
      buildArgs: buildArguments(kind, options.host),
      noCache: options.refresh ?? false,
      deadlineMs: options.deadlineMs,
      onProgress(line) {
        follow(digest, line);
      },
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    throw error instanceof OmcpError ? explain(error, kind, digest) : error;
  }
}

/** The files of a build's context that are not under `images/`. */
function generatedFiles(kind: ImageKind, host: BuildHost): readonly TextFile[] {
  return kind === "python" ? [{ path: "ca/host-ca.crt", text: host.certificates }] : generateSample();
}

/**
 * The hash of the sample's data, for {@link LABEL_SAMPLE}: a test compares it, so that the generator cannot change without its version.
 *
 * @param files The files of {@link generateSample}.
 * @returns SHA-256 in hexadecimal.
 */
export function sampleHash(files: readonly TextFile[]): string {
  return hashParts(files.flatMap((file) => [file.path, file.text]));
}

function buildArguments(kind: ImageKind, host: BuildHost): Record<string, string> {
  const names = kind === "python" ? [...PROXIES, "PIP_INDEX_URL"] : PROXIES;
  const given: Record<string, string> = {};
  for (const name of names) {
    const value = host.read(name);
    if (value) given[name] = value;
  }
  return given;
}

/** Shows a step by the name in its `omcp:` line, if it prints one: a step's number means nothing to a person. */
function follow(digest: ProgressDigest, line: string): void {
  const name = /^omcp: (.+)$/.exec(line)?.[1];
  if (name !== undefined) digest.heading(name);
  else if (/^Step \d+\//.test(line)) digest.note(line);
  else if (!/^ *--->|^Removing intermediate container/.test(line)) digest.line(line);
}

function explain(error: OmcpError, kind: ImageKind, digest: ProgressDigest): OmcpError {
  const log = digest.tail;
  // The engine quotes the whole command; the step's name is shorter and clearer.
  const message = error.message.replace(
    /The command '[^]*' returned a non-zero code/,
    `${digest.current}: exit code`,
  );
  const next = adviceFor(log.join("\n")) ??
    "Read the lines above, fix the cause that they report, and run the set-up again.";
  return error.with({
    message,
    state: `The image ${
      imageReference(kind)
    } was not built; the engine keeps the finished steps for the next try.`,
    next,
    details: { log },
  });
}

function adviceFor(log: string): string | undefined {
  if (/CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError/i.test(log)) {
    return "A proxy seems to inspect TLS: set SSL_CERT_FILE to a bundle with its certificate authority, then run the set-up again.";
  }
  if (
    /NewConnectionError|NameResolutionError|Temporary failure resolving|Could not connect|No route to host|Network is unreachable|timed out/i
      .test(log)
  ) {
    return "The build cannot reach the package index: set PIP_INDEX_URL or HTTPS_PROXY if the site has its own, or build the images elsewhere (images/README.md, air-gapped sites).";
  }
  if (/No space left on device/i.test(log)) {
    return "Free some space where the engine keeps its data: building the images takes about 4 GB.";
  }
  return undefined;
}
