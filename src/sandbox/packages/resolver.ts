/** Runs the resolver's container for one request, and removes it. */
import { addAbortListener } from "node:events";
import { bootBytes, fromSource } from "../../agent_protocol/mod.ts";
import { OmcpError } from "../../errors.ts";
import { abortError } from "../../lib/async/abort_error.ts";
import { logger } from "../../observability/log.ts";
import {
  type Attachment,
  type ContainerRuntime,
  createContainer,
  logAgent,
  type Removals,
  requireConfined,
  verifyAttestation,
} from "../../runtime/mod.ts";
import { resolverError } from "./resolver_error.ts";
import { type AnswerLine, AnswerReader, type ImageFacts, type Plan } from "./resolver_answer.ts";
import { RESOLVER_MODULES, resolverSpec } from "./resolver_spec.ts";
import type { PackageSite } from "./settings.ts";

const log = logger("packages");

const CALL_MS = 50_000;
/** The program ends itself this long after the server's deadline, in case the server cannot end it. */
const LATER_SECONDS = 30;

/** What resolvers of a server have in common. */
export interface ResolverSettings {
  readonly runtime: ContainerRuntime;
  readonly removals: Removals;
  readonly instance: string;
  /** An image with uv. */
  readonly image: string;
  readonly network: string;
  /** Most bytes of unpacked packages: the size of a sandbox's workspace. */
  readonly treeBytes: number;
}

/** What to resolve. */
export interface ResolveRequest {
  /** In canonical form. */
  readonly requirements: readonly string[];
  /** What earlier calls installed: name → version. */
  readonly installed: Readonly<Record<string, string>>;
  /** The image that the wheels must fit; null for the resolver's own. */
  readonly target: ImageFacts | null;
  readonly site: PackageSite;
}

/** Deadline, cancellation and progress of a request. */
export interface ResolveOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  onProgress(message: string): void;
}

/** Resolves requirements in containers of their own. */
export class Resolver {
  readonly #settings: ResolverSettings;

  /** @param settings See {@link ResolverSettings}. */
  constructor(settings: ResolverSettings) {
    this.#settings = settings;
  }

  /**
   * Resolves requirements and downloads their wheels.
   *
   * @param request See {@link ResolveRequest}.
   * @param options Deadline and progress; when the signal is aborted, the container is removed.
   * @param use Gets the plan and the archive, which is empty if nothing is to be installed.
   * @throws {OmcpError} `package_…`, `timeout`, `workspace_full`, `cancelled`, `sandbox_unsafe`, the runtime's errors, or what `use` throws.
   */
  async resolve<T>(
    request: ResolveRequest,
    options: ResolveOptions,
    use: (plan: Plan, archive: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const { image, network } = this.#settings;
    const { requirements, installed, target, site } = request;
    const config = { mode: "resolve", requirements, installed, target, ...site };
    return await this.#run({ image, network, config }, options, async (answer) => {
      for (;;) {
        const line = await answer.line();
        if ("progress" in line) options.onProgress(line.progress);
        else if ("plan" in line) {
          return await use(line.plan, line.plan.bytes === 0 ? nothing() : answer.archive());
        } else throw unexpected(line);
      }
    });
  }

  /**
   * Looks at an image's Python, without a network.
   *
   * @param image The image.
   * @param options As in {@link resolve}.
   */
  async facts(image: string, options: ResolveOptions): Promise<ImageFacts> {
    return await this.#run(
      { image, network: undefined, config: { mode: "facts" } },
      options,
      async (answer) => {
        const line = await answer.line();
        if ("facts" in line) return line.facts;
        throw unexpected(line);
      },
    );
  }

  async #run<T>(
    run: { readonly image: string; readonly network: string | undefined; readonly config: object },
    { timeoutMs, signal }: ResolveOptions,
    read: (answer: AnswerReader) => Promise<T>,
  ): Promise<T> {
    const { runtime, removals, instance, treeBytes } = this.#settings;
    const id = crypto.getRandomValues(new Uint8Array(8)).toHex();
    const name = `omcp-resolver-${id}`;
    const spec = resolverSpec({ image: run.image, instance, id, network: run.network, treeBytes });
    const config = { ...run.config, seconds: Math.ceil(timeoutMs / 1000) + LATER_SECONDS };
    if (signal.aborted) throw abortError(signal.reason, "Cannot resolve packages");
    const container = await createContainer({ runtime, removals, spec, name, deadlineMs: CALL_MS });
    let attachment: Attachment | undefined;
    // Ends a wait for a container that sends nothing.
    using _closing = addAbortListener(signal, () => attachment?.close());
    try {
      attachment = await runtime.attach(container, { signal, deadlineMs: CALL_MS });
      logAgent(name, attachment.stderr);
      await runtime.startContainer(container, { signal, deadlineMs: CALL_MS });
      await send(attachment, bootBytes(fromSource(RESOLVER_MODULES), config));
      const answer = new AnswerReader(attachment.readable);
      const first = await answer.line();
      requireConfined(name, verifyAttestation(spec, first));
      return await read(answer);
    } catch (error) {
      if (signal.aborted) throw abortError(signal.reason, "Cannot resolve packages");
      throw error;
    } finally {
      // First the attachment: with a stalled one, an engine's removal of the container can hang.
      attachment?.close();
      // Not awaited: the removal is retried until the engine confirms it, and no caller depends on it.
      removals.remove({ name, id: container });
    }
  }
}

/** Sends bytes, and leaves stdin open: the program ends with it. */
async function send(attachment: Attachment, bytes: Uint8Array): Promise<void> {
  const writer = attachment.writable.getWriter();
  try {
    await writer.write(bytes);
  } finally {
    writer.releaseLock();
  }
}

function unexpected(line: AnswerLine): OmcpError {
  if ("failed" in line) {
    log.info("Packages were not resolved: {text}", { text: line.failed.text });
    return resolverError(line.failed);
  }
  return new OmcpError("package_failed", "The container that resolves packages sent an unexpected answer", {
    state: "Nothing was installed.",
    next: "Try again; the server's log has what the container printed.",
  });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
