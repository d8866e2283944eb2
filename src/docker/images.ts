import { OmcpError } from "../errors.ts";
import { invalidResponse } from "./engine_errors.ts";
import { filters } from "./filters.ts";
import type { EngineHttp } from "./http.ts";
import { checkImage, quote, splitTag } from "./names.ts";
import { followProgress } from "./progress.ts";
import type { ProgressCallback } from "./progress.ts";
import { ImageListResponse, ImageResponse } from "./schemas.ts";
import type { CallOptions, ImageInspect, ImageSummary } from "./types.ts";
import { DEADLINES_MS } from "./types.ts";

/** How to build an image. */
export interface BuildOptions extends CallOptions {
  /** The image's name, such as `omcp-python:1234`. */
  readonly tag: string;
  /** The Dockerfile's path in the context. @default "Dockerfile" */
  readonly dockerfile?: string;
  /** Values for the Dockerfile's ARGs; they stay readable in the image's history. @default none */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Added to the Dockerfile's own. @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** The stage to stop at. @default the last */
  readonly target?: string;
  /** The network of the build's steps: `default`, `host` or `none`. @default "default" */
  readonly networkMode?: "default" | "host" | "none";
  /** Runs every step again instead of reusing the layers of an earlier build. @default false */
  readonly noCache?: boolean;
  /** Bytes of memory a step may use. @default no limit */
  readonly memoryBytes?: number;
  /** Receives each line of the steps. */
  readonly onProgress?: ProgressCallback;
}

/** How to import an image. */
export interface ImportOptions extends CallOptions {
  /** The image's name. */
  readonly tag: string;
  /** Dockerfile instructions to apply, such as `CMD ["sh"]`. */
  readonly changes?: readonly string[];
  /** Receives each line of the import. */
  readonly onProgress?: ProgressCallback;
}

/** How to pull an image. */
export interface PullOptions extends CallOptions {
  /** Receives each line about a layer. */
  readonly onProgress?: ProgressCallback;
}

/** How to load images. */
export interface LoadImagesOptions extends CallOptions {
  /** Receives each line about a layer or an image. */
  readonly onProgress?: ProgressCallback;
}

/** The engine's images. */
export class Images {
  readonly #http: EngineHttp;

  /** @param http The connection to the engine. */
  constructor(http: EngineHttp) {
    this.#http = http;
  }

  /** Inspects an image; undefined if it does not exist. */
  async inspect(reference: string, call?: CallOptions): Promise<ImageInspect | undefined> {
    const path = `/images/${checkImage(reference)}/json`;
    try {
      return await this.#http.json(
        { action: `inspect image ${quote(reference)}`, method: "GET", path, call },
        ImageResponse,
      );
    } catch (error) {
      if (error instanceof OmcpError && error.details.status === 404) return undefined;
      throw error;
    }
  }

  /** Lists the images that have all of the labels. */
  list(labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<ImageSummary[]> {
    const query = { filters: filters({ labels }) };
    return this.#http.json(
      { action: "list images", method: "GET", path: "/images/json", query, call },
      ImageListResponse,
    );
  }

  /** Builds an image with the classic builder, from a tar archive. Returns the image's id. */
  async build(context: ReadableStream<Uint8Array>, options: BuildOptions): Promise<string> {
    const { repository, tag } = splitTag(options.tag);
    const action = `build image ${quote(options.tag)}`;
    const query: Record<string, string> = {
      t: `${repository}:${tag}`,
      dockerfile: options.dockerfile ?? "Dockerfile",
      buildargs: JSON.stringify(options.buildArgs ?? {}),
      labels: JSON.stringify(options.labels ?? {}),
      networkmode: options.networkMode ?? "default",
      rm: "1",
      forcerm: "1",
      nocache: options.noCache ? "1" : "0",
      // 1 is the classic builder; 2 is BuildKit, which needs a session.
      version: "1",
    };
    if (options.target !== undefined) query["target"] = options.target;
    if (options.memoryBytes !== undefined) {
      query["memory"] = String(options.memoryBytes);
      query["memswap"] = String(options.memoryBytes);
    }
    const request = { action, method: "POST", path: "/build", query, tar: context, call: options } as const;
    const id = await this.#transfer(request, options.onProgress);
    return id ?? await this.#idOf(options.tag, action, options);
  }

  /** Imports a tar archive of a root file system as an image of one layer. Returns the image's id. */
  async import(rootfs: ReadableStream<Uint8Array>, options: ImportOptions): Promise<string> {
    const { repository, tag } = splitTag(options.tag);
    const action = `import image ${quote(options.tag)}`;
    const query: Record<string, string> = { fromSrc: "-", repo: repository, tag };
    // The engine accepts one parameter of several lines.
    if (options.changes) query["changes"] = options.changes.join("\n");
    const request = {
      action,
      method: "POST",
      path: "/images/create",
      query,
      tar: rootfs,
      call: options,
    } as const;
    const id = await this.#transfer(request, options.onProgress);
    return id ?? await this.#idOf(options.tag, action, options);
  }

  /** Pulls an image from its registry. Returns the image's id. */
  async pull(reference: string, options: PullOptions = {}): Promise<string> {
    checkImage(reference);
    const action = `pull image ${quote(reference)}`;
    const query: Record<string, string> = { fromImage: reference };
    if (!reference.includes("@")) {
      const { repository, tag } = splitTag(reference);
      query["fromImage"] = repository;
      query["tag"] = tag;
    }
    await this.#transfer(
      { action, method: "POST", path: "/images/create", query, call: options },
      options.onProgress,
    );
    return await this.#idOf(reference, action, options);
  }

  /** Loads the images of an archive of `docker save`, which may be compressed, with their names. */
  async load(archive: ReadableStream<Uint8Array>, options: LoadImagesOptions = {}): Promise<void> {
    await this.#transfer(
      { action: "load images", method: "POST", path: "/images/load", tar: archive, call: options },
      options.onProgress,
    );
  }

  /** Saves an image with this name, as `docker save` does; `read` gets the archive and must read it to its end. */
  save(
    reference: string,
    read: (archive: ReadableStream<Uint8Array>) => Promise<void>,
    call?: CallOptions,
  ): Promise<void> {
    const action = `save image ${quote(reference)}`;
    return this.#http.send({
      action,
      method: "GET",
      path: `/images/${checkImage(reference)}/get`,
      call,
      defaultDeadlineMs: DEADLINES_MS.transfer,
    }, async ({ body }) => {
      if (body === null) throw invalidResponse(action, "no content");
      await read(body);
    });
  }

  /** Adds a name to an image. */
  async tag(reference: string, name: string, call?: CallOptions): Promise<void> {
    const { repository, tag } = splitTag(name);
    await this.#http.status({
      action: `tag image ${quote(reference)} as ${quote(name)}`,
      method: "POST",
      path: `/images/${checkImage(reference)}/tag`,
      query: { repo: repository, tag },
      call,
    });
  }

  /** Removes a name of an image; with its last name, the image. Succeeds if it is absent. */
  async remove(reference: string, options: CallOptions & { readonly force?: boolean } = {}): Promise<void> {
    await this.#http.status({
      action: `remove image ${quote(reference)}`,
      method: "DELETE",
      path: `/images/${checkImage(reference)}`,
      query: { force: options.force ? "1" : "0" },
      call: options,
      alsoAccept: [404],
    });
  }

  #transfer(
    request: Parameters<EngineHttp["send"]>[0],
    onProgress: ProgressCallback | undefined,
  ): Promise<string | undefined> {
    return this.#http.send({ ...request, defaultDeadlineMs: DEADLINES_MS.transfer }, async (response) => {
      const result = await followProgress(request.action, response.body, onProgress);
      return result.imageId;
    });
  }

  async #idOf(reference: string, action: string, call: CallOptions): Promise<string> {
    const image = await this.inspect(reference, call.signal ? { signal: call.signal } : {});
    if (image) return image.id;
    throw new OmcpError(
      "image_missing",
      `Cannot ${action}: the engine reported success, but has no such image`,
    );
  }
}
