/**
 * The guest's modules as bytecode. Without it, each sandbox would compile them again, which takes as long as everything else that its agent does
 * before the sandbox is handed out.
 *
 * Only the image's own Python can compile for it, so a container of the image does, once for each server and image. Bytecode never comes
 * from a sandbox, whose code could have changed it.
 */
import * as z from "zod";
import { type BootModules, fromSource } from "../agent_protocol/mod.ts";
import { OmcpError } from "../errors.ts";
import { GUEST_MODULES } from "../guest/mod.ts";
import { errorMessage } from "../lib/error_message.ts";
import { parsedJson } from "../lib/parsed_json.ts";
import { logger } from "../observability/log.ts";
import {
  confinement,
  type ContainerRuntime,
  type ContainerSpec,
  CPU_SHARES,
  DATABASE_UID,
  labelsOf,
  runProgram,
  SANDBOX_SECCOMP,
} from "../runtime/mod.ts";
import { VERSION } from "../version.ts";
import type { StartedSandbox } from "./factory.ts";
import type { SandboxPolicy } from "./policy.ts";
import program from "./compile_modules.py" with { type: "text" };

const log = logger("sandbox");

/** After this many starts of an image's sandboxes, its modules are compiled, once: a server with a single sandbox does not need that. */
const COMPILED_AFTER = 2;
const MAX_IMAGES = 8;
const DEADLINE_MS = 30_000;
const MIB = 1024 * 1024;
const OUTPUT_BYTES = 6 * MIB;

/** The packages that every sandbox imports. The agent needs the others' sources. */
const COMPILED = /^(agent|kernel_manager|kernel)(\.|$)/;

const SOURCES = fromSource(GUEST_MODULES);

/** Name → file name, as it is in tracebacks, and source. */
const TO_COMPILE: Readonly<Record<string, readonly [string, string]>> = Object.fromEntries(
  Object.entries(GUEST_MODULES).filter(([name]) => COMPILED.test(name))
    .map(([name, source]) => [name, [fileName(name), source]]),
);

/** Exactly the modules that were asked for. */
const outputSchema = z.string().transform(parsedJson).pipe(z.strictObject({
  magic: z.string().regex(/^[0-9a-f]{8}$/),
  code: z.record(z.enum(Object.keys(TO_COMPILE)), z.base64()),
}));

/** What is known of an image. */
interface Entry {
  starts: number;
  compiled: BootModules | undefined;
}

/** What {@link GuestCode} needs. */
export interface GuestCodeOptions {
  readonly runtime: ContainerRuntime;
  /** The server's instance, for the labels. */
  readonly instance: string;
  /** The policy of sandboxes: an image's programs run on their OCI runtime only. */
  readonly policy: Pick<SandboxPolicy, "ociRuntime">;
  /** Whether it compiles anything. @default false */
  readonly compiles?: boolean;
  /** Aborted when nothing more is to be compiled. */
  readonly closing: AbortSignal;
}

/** The guest's modules for each image of a server. */
export class GuestCode {
  readonly #options: GuestCodeOptions;
  readonly #images = new Map<string, Entry>();
  /** One at a time. */
  #compiling: Promise<void> = Promise.resolve();

  /** @param options See {@link GuestCodeOptions}. */
  constructor(options: GuestCodeOptions) {
    this.#options = options;
  }

  /**
   * Starts a sandbox with the modules of its image, compiled if that has been done; compiles them afterwards if it is worth it.
   *
   * @param image The reference for the runtime.
   * @param start Starts it.
   * @returns What `start` returns.
   * @throws What `start` throws.
   */
  async start(
    image: string,
    start: (modules: BootModules) => Promise<StartedSandbox>,
  ): Promise<StartedSandbox> {
    const entry = this.#entry(image);
    try {
      const started = await start(entry.compiled ?? SOURCES);
      // When its kernel has imported everything, the machine has time.
      void started.kernelStarted.then(() => this.#started(image, entry));
      return started;
    } catch (error) {
      // The image's name may have got another image, with another Python.
      if (error instanceof OmcpError && error.code === "sandbox_start_failed") this.#images.delete(image);
      throw error;
    }
  }

  /** Resolves when no container of it is left. */
  async close(): Promise<void> {
    await this.#compiling;
  }

  #entry(image: string): Entry {
    const found = this.#images.get(image);
    if (found !== undefined) return found;
    const [oldest] = this.#images.keys();
    if (this.#images.size >= MAX_IMAGES && oldest !== undefined) this.#images.delete(oldest);
    const entry: Entry = { starts: 0, compiled: undefined };
    this.#images.set(image, entry);
    return entry;
  }

  #started(image: string, entry: Entry): void {
    const { compiles = false, closing } = this.#options;
    entry.starts += 1;
    if (!compiles || entry.starts !== COMPILED_AFTER || closing.aborted) return;
    this.#compiling = this.#compiling.then(() => this.#compile(image, entry));
  }

  async #compile(image: string, entry: Entry): Promise<void> {
    const { runtime, instance, policy, closing } = this.#options;
    if (closing.aborted) return;
    const id = crypto.randomUUID();
    try {
      const { stdout } = await runProgram(runtime, spec({ image, instance, id, policy }), {
        name: `omcp-compiler-${id}`,
        deadlineMs: DEADLINE_MS,
        outputBytes: OUTPUT_BYTES,
        input: new TextEncoder().encode(JSON.stringify(TO_COMPILE)),
        signal: closing,
      });
      const { magic, code } = outputSchema.parse(stdout);
      const sources = Object.entries(GUEST_MODULES).filter(([name]) => TO_COMPILE[name] === undefined);
      entry.compiled = { sources: Object.fromEntries(sources), code, magic };
    } catch (error) {
      if (closing.aborted) return;
      log.info("The guest's modules could not be compiled; sandboxes start more slowly: {error}", {
        error: errorMessage(error),
      });
    }
  }
}

/** As the loader and the zygote name what they compile. */
function fileName(name: string): string {
  return name.startsWith("kernel.") ? `omcp_${name.replaceAll(".", "/")}` : `omcp:${name}`;
}

function spec(
  { image, instance, id, policy: { ociRuntime } }: Pick<GuestCodeOptions, "instance" | "policy"> & {
    readonly image: string;
    readonly id: string;
  },
): ContainerSpec {
  return {
    image,
    labels: labelsOf({ instance, role: "compiler", name: id, version: VERSION }),
    env: {},
    command: ["python3", "-I", "-S", "-c", program],
    workingDir: "/",
    hostname: "compiler",
    confinement: confinement(DATABASE_UID, SANDBOX_SECCOMP),
    limits: {
      memoryBytes: 128 * MIB,
      cpus: 1,
      cpuShares: CPU_SHARES.sandbox,
      // With gVisor, its own threads count, too: it needs more than 16.
      pids: 64,
      openFiles: 64,
      oomScoreAdj: 500,
    },
    tmpfs: [],
    stdin: "ends-with-attach",
    ...(ociRuntime === undefined ? {} : { ociRuntime }),
  };
}
