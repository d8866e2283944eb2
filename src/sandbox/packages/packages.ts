/** Installs packages into sandboxes: a separate container with a network resolves and downloads them, an installer in the sandbox unpacks them. */
import { OmcpError } from "../../errors.ts";
import { abortError } from "../../lib/async/abort_error.ts";
import { DeadlineSignal, within } from "../../lib/async/deadline.ts";
import { Semaphore } from "../../lib/async/semaphore.ts";
import { SYSTEM_CLOCK } from "../../lib/clock.ts";
import { type ContainerRuntime, Removals } from "../../runtime/mod.ts";
import { ArchiveCache, CACHE_ENTRY_BYTES, type CachedSet } from "./archive_cache.ts";
import type { Installation } from "./installation.ts";
import { parseRequirements, type Requirement } from "./requirement.ts";
import { type ResolveOptions, Resolver, type ResolveRequest } from "./resolver.ts";
import type { ImageFacts, Plan, ResolvedPackage } from "./resolver_answer.ts";
import type { PackageState, SandboxPackages } from "./sandbox_packages.ts";
import type { PackageSettings } from "./settings.ts";

/** Each takes memory for what it downloads. */
const RESOLVERS_AT_ONCE = 2;
const MAX_WAITING = 100;
const CLOSE_MS = 4000;

/** What {@link Packages} need. */
export interface PackagesOptions extends PackageSettings {
  readonly runtime: ContainerRuntime;
  readonly instance: string;
  /** The size of the largest sandbox's workspace, in bytes; read at each installation. */
  readonly workspaceBytes: number;
}

/** A sandbox, as far as installations need it. */
export interface PackageTarget {
  /** Its image: wheels must fit its Python. */
  readonly image: string;
  readonly packages: SandboxPackages;
}

/** How an installation runs. */
export interface InstallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called with each step. */
  readonly onProgress?: (message: string) => void;
}

/** What an installation did. */
export interface InstallResult {
  /** All packages of the resolution, in the order of their names. Dependencies are included, and what earlier calls installed. */
  readonly packages: readonly ResolvedPackage[];
  /** The names that this call asked for. */
  readonly requested: ReadonlySet<string>;
  /** Bytes of the unpacked files. */
  readonly bytes: number;
  /** Whether the set came from the server's cache, without a network. */
  readonly cached: boolean;
  /** Modules that were left out because Python's library has the same name. */
  readonly skipped: readonly string[];
}

/** What an installation did, and the versions that the sandbox has then. */
interface Installed extends Omit<InstallResult, "requested"> {
  readonly versions: ReadonlyMap<string, string>;
}

/** Installs packages into the sandboxes of one server. */
export class Packages {
  readonly #options: PackagesOptions;
  readonly #removals: Removals;
  readonly #resolver: Resolver;
  readonly #cache = new ArchiveCache(SYSTEM_CLOCK);
  readonly #resolvers = new Semaphore(RESOLVERS_AT_ONCE, MAX_WAITING);
  readonly #facts = new Map<string, ImageFacts>();
  readonly #closing = new AbortController();

  /** @param options See {@link PackagesOptions}. */
  constructor(options: PackagesOptions) {
    this.#options = options;
    this.#removals = new Removals(options.runtime);
    this.#resolver = new Resolver({
      runtime: options.runtime,
      removals: this.#removals,
      instance: options.instance,
      image: options.resolverImage,
      network: options.network,
      get treeBytes() {
        return options.workspaceBytes;
      },
    });
  }

  /**
   * Checks requirements as {@link install} does before it begins.
   *
   * @param texts Requirements by PEP 508.
   * @throws {OmcpError} `invalid_argument`, `package_not_allowed`.
   */
  check(texts: readonly string[]): Requirement[] {
    const wanted = parseRequirements(texts);
    this.#requireAllowed(wanted);
    return wanted;
  }

  /**
   * Installs packages into a sandbox.
   *
   * @param sandbox Where.
   * @param texts Requirements by PEP 508.
   * @param options Deadline, cancellation, progress.
   * @throws {OmcpError} `invalid_argument`, `package_…`, `workspace_full`, `timeout`, `cancelled`, `image_missing`, `sandbox_lost`…
   */
  async install(
    sandbox: PackageTarget,
    texts: readonly string[],
    options: InstallOptions,
  ): Promise<InstallResult> {
    const wanted = this.check(texts);
    using deadline = new DeadlineSignal(
      options.timeoutMs,
      AbortSignal.any([options.signal, this.#closing.signal]),
    );
    const { signal } = deadline;
    const onProgress = options.onProgress ?? (() => {});
    try {
      const installed = await sandbox.packages.install(
        wanted,
        signal,
        (installation, state) =>
          this.#install(sandbox.image, installation, state, {
            timeoutMs: options.timeoutMs,
            signal,
            onProgress,
          }),
      );
      return { ...installed, requested: new Set(wanted.map(({ name }) => name)) };
    } catch (error) {
      if (!signal.aborted) throw error;
      const late = signal.reason instanceof OmcpError && signal.reason.code === "timeout";
      throw abortError(signal.reason, "Cannot install the packages", {
        state: "Nothing was installed, unless the unpacking had begun.",
        ...(late
          ? {
            next: "Try again, with a longer timeout if that was the cause: what was downloaded is not kept.",
          }
          : {}),
      });
    }
  }

  /** Ends installations and removes their containers, in a few seconds at most. */
  async close(): Promise<void> {
    this.#closing.abort(new OmcpError("shutting_down", "The server is shutting down"));
    await within(this.#removals.allRemoved(), CLOSE_MS);
    this.#removals.close();
  }

  #requireAllowed(wanted: readonly Requirement[]): void {
    const { mode, allowed } = this.#options;
    const refused = wanted.filter(({ name }) => mode === "allowlist" && !allowed.has(name)).map(({ name }) =>
      name
    );
    if (refused.length === 0) return;
    throw new OmcpError(
      "package_not_allowed",
      `Not on this server's list of packages: ${refused.join(", ")}`,
      {
        next: `Allowed are: ${
          [...allowed].sort().join(", ").slice(0, 1000)
        }; or ask the operator to add it to OMCP_PACKAGES_ALLOWLIST.`,
      },
    );
  }

  async #install(
    image: string,
    installation: Installation,
    state: PackageState,
    options: ResolveOptions,
  ): Promise<Installed> {
    const site = await this.#options.site();
    const target = await this.#target(image, options);
    const request: ResolveRequest = {
      requirements: [...state.requirements.values()].sort(),
      installed: Object.fromEntries(state.versions),
      target,
      site,
    };
    const key = await digest({ image, ...request });
    const fromCache = async (): Promise<Installed | undefined> => {
      const cached = this.#cache.get(key);
      if (cached === undefined) return undefined;
      options.onProgress("installing from the cache");
      return await unpack(installation, state, cached.plan, chunks(cached.archive), true);
    };
    const known = await fromCache();
    if (known !== undefined) return known;
    if (this.#resolvers.busy) options.onProgress("waiting for another resolution to end");
    using _permit = await this.#resolvers.acquire(options.signal);
    // The call that this one has waited for may have resolved the same set.
    const meanwhile = await fromCache();
    if (meanwhile !== undefined) return meanwhile;
    return await this.#resolver.resolve(request, options, async (plan, archive) => {
      const kept = new KeptArchive();
      const result = await unpack(installation, state, plan, kept.keeping(archive), false);
      // Only if it was read to the end: an installer that stops early must not cut what another sandbox gets.
      const whole = plan.bytes === 0 ? [] : kept.whole;
      if (whole !== undefined) this.#cache.put(key, { plan, archive: whole });
      return result;
    });
  }

  /** The facts of the image that the wheels must fit; null for the resolver's own image. */
  async #target(image: string, options: ResolveOptions): Promise<ImageFacts | null> {
    if (image === this.#options.resolverImage) return null;
    const known = this.#facts.get(image);
    if (known !== undefined) return known;
    options.onProgress("looking at the image's Python");
    using _permit = await this.#resolvers.acquire(options.signal);
    const facts = await this.#resolver.facts(image, options);
    if (facts.implementation !== "cpython") {
      throw new OmcpError(
        "package_no_wheel",
        `Packages can be installed for CPython only: ${image} has ${facts.implementation}`,
      );
    }
    this.#facts.set(image, facts);
    return facts;
  }
}

async function unpack(
  installation: Installation,
  { versions }: PackageState,
  plan: Plan,
  archive: AsyncIterable<Uint8Array>,
  cached: boolean,
): Promise<Installed> {
  const fetched = plan.packages.filter((each) => each.fetched);
  const replace = fetched.map(({ name }) => name);
  const skipped = fetched.length === 0
    ? []
    : await installation.unpack({ bytes: plan.bytes, files: plan.files, replace }, archive);
  return {
    packages: plan.packages,
    bytes: plan.bytes,
    cached,
    skipped,
    versions: new Map([...versions, ...fetched.map(({ name, version }) => [name, version] as const)]),
  };
}

/** Passes an archive on, and keeps its chunks unless it is too large for the cache. */
class KeptArchive {
  #chunks: Uint8Array[] | undefined = [];
  #bytes = 0;
  #ended = false;

  /** All chunks; undefined if it is too large, or was not read to its end. */
  get whole(): readonly Uint8Array[] | undefined {
    return this.#ended ? this.#chunks : undefined;
  }

  async *keeping(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of archive) {
      this.#bytes += chunk.byteLength;
      if (this.#bytes > CACHE_ENTRY_BYTES) this.#chunks = undefined;
      this.#chunks?.push(chunk);
      yield chunk;
    }
    this.#ended = true;
  }
}

async function* chunks(archive: CachedSet["archive"]): AsyncGenerator<Uint8Array> {
  yield* archive;
}

async function digest(value: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
