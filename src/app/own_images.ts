/**
 * The project's own images at their first use: where the engine lacks one, it is pulled, loaded or built in the background, and calls
 * answer `image_building` meanwhile. The code that does so is loaded only then.
 */
import type { EngineLocation } from "./engine_access.ts";
import { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { imageReference } from "../images/identity.ts";
import type { ImageKind } from "../images/kinds.ts";
import type { ImageSource } from "../images/source.ts";
import { within } from "../lib/async/deadline.ts";
import { readableDuration } from "../lib/duration.ts";
import { logger } from "../observability/log.ts";
import type { Config, ReadVariable } from "./config.ts";
import { permitted } from "./permitted.ts";

const log = logger("images");

/** A call waits this long for work that fails or ends at once, in milliseconds. */
const BRIEF_MS = 1000;
/** Seconds after which a caller should ask again, by the source. */
const RETRY_SECONDS = { registry: 15, file: 10, build: 30 } as const;
/** The verbs of the error. */
const DOING = { registry: "pulled", file: "loaded", build: "built" } as const;

/** Options of {@link OwnImages}. */
export interface OwnImagesOptions {
  readonly location: EngineLocation;
  readonly source: ImageSource;
  /** Which images the server needs. */
  readonly needed: readonly ImageKind[];
  /** Looks up an environment variable: what a build uses of the host. */
  readonly read: ReadVariable;
  /** Ends the work. */
  readonly signal: AbortSignal;
}

interface Work {
  /** Resolves at the end; never rejects. */
  readonly ended: Promise<void>;
  readonly startedAt: number;
  readonly missing: readonly ImageKind[];
  progress: string;
  /** Whether a call waits for the work, and so reports its failure itself. */
  awaited: boolean;
  result: "running" | "done" | { readonly error: unknown };
}

/**
 * Which of the project's own images a server with these settings uses.
 *
 * @param config The settings.
 */
export function neededImages({ image, packages, database }: Config): readonly ImageKind[] {
  const python = image === undefined || packages.mode !== "off";
  const postgres = database.kind === "sample" || database.kind === "local";
  return [...(python ? ["python"] as const : []), ...(postgres ? ["postgres"] as const : [])];
}

/** The project's own images in one engine. */
export class OwnImages {
  readonly #options: OwnImagesOptions;
  #work: Work | undefined;

  /** @param options See {@link OwnImagesOptions}. */
  constructor(options: OwnImagesOptions) {
    this.#options = options;
  }

  /**
   * Returns if the engine has all needed images, and else starts to provide them.
   *
   * @param engine Where the images are looked up; the work uses a connection of its own.
   * @throws {OmcpError} `image_building` while they are being provided; after a failure, that error once: the next call tries again.
   */
  async require(engine: Pick<Engine, "inspectImage">): Promise<void> {
    this.#options.signal.throwIfAborted();
    if (this.#work === undefined) {
      const missing = await this.#missing(engine);
      if (missing.length === 0) return;
      // Another call may have started it meanwhile.
      this.#work ??= this.#start(missing);
    }
    const work = this.#work;
    work.awaited = true;
    await within(work.ended, BRIEF_MS);
    work.awaited = false;
    if (work.result === "running") throw this.#building(work);
    if (this.#work === work) this.#work = undefined;
    if (work.result !== "done") throw failure(work.result.error);
  }

  /** Waits for the end of the work, if any. */
  async ended(): Promise<void> {
    await this.#work?.ended;
  }

  async #missing(engine: Pick<Engine, "inspectImage">): Promise<readonly ImageKind[]> {
    const missing: ImageKind[] = [];
    for (const kind of this.#options.needed) {
      if (await engine.inspectImage(imageReference(kind)) === undefined) missing.push(kind);
    }
    return missing;
  }

  #start(missing: readonly ImageKind[]): Work {
    const ended = Promise.withResolvers<void>();
    const work: Work = {
      ended: ended.promise,
      startedAt: performance.now(),
      missing,
      progress: "starting",
      awaited: false,
      result: "running",
    };
    this.#provide(work).then(
      () => {
        work.result = "done";
        log.info("The images are ready");
      },
      (error: unknown) => {
        work.result = { error };
        if (!work.awaited && !this.#options.signal.aborted) {
          log.error("Cannot provide the images: {error}", { error: String(error) });
        }
      },
    ).finally(() => ended.resolve());
    return work;
  }

  async #provide(work: Work): Promise<void> {
    const { location, source, read, signal } = this.#options;
    const { ensureImages } = await import("../image_setup/mod.ts");
    const engine = await Engine.connect({ ...location, signal });
    try {
      await ensureImages(engine, work.missing, {
        source,
        read: permitted(read),
        signal,
        progress: (line) => {
          work.progress = line;
          log.info("{line}", { line });
        },
      });
    } finally {
      engine.close();
    }
  }

  #building({ missing, startedAt, progress }: Work): OmcpError {
    const { kind } = this.#options.source;
    const seconds = RETRY_SECONDS[kind];
    const images = missing.map(imageReference).join(" and ");
    return new OmcpError(
      "image_building",
      `${images} ${missing.length === 1 ? "is" : "are"} being ${DOING[kind]}, for ${
        readableDuration(performance.now() - startedAt)
      } so far: ${progress}`,
      {
        next: `Repeat the call in ${seconds} s. This happens once${
          kind === "build" ? ", and takes a few minutes" : ""
        }.`,
        details: { retry_after_seconds: seconds, progress },
      },
    );
  }
}

/** The same error, and that a repeated call tries again. */
function failure(error: unknown): unknown {
  if (!(error instanceof OmcpError)) return error;
  return error.with({ next: [error.next, "The next call tries again."].filter(Boolean).join(" ") });
}
