import { DEFAULT_HOST, type EngineAddress, engineAddress } from "../lib/engine_address.ts";
import { chooseApiVersion } from "./api_version.ts";
import { openAttach } from "./attach.ts";
import type { Attachment } from "./attach.ts";
import { Containers } from "./containers.ts";
import type { CreateOptions, ListOptions, WaitOptions } from "./containers.ts";
import { openEndpoint } from "./endpoint.ts";
import { EngineHttp } from "./http.ts";
import { Images } from "./images.ts";
import type { BuildOptions, ImportOptions, LoadImagesOptions, PullOptions } from "./images.ts";
import { checkName } from "./names.ts";
import { InfoResponse, VersionResponse } from "./schemas.ts";
import { DEADLINES_MS } from "./types.ts";
import type {
  CallOptions,
  ContainerInspect,
  ContainerSummary,
  CreateContainerRequest,
  EngineInfo,
  ImageInspect,
  ImageSummary,
  RemoveOptions,
  VolumeInfo,
} from "./types.ts";
import { Volumes } from "./volumes.ts";

/** What the engine says of itself. */
type Facts = Pick<Engine, "apiVersion" | "product">;

/** How to reach the engine. */
export interface ConnectOptions extends CallOptions {
  /** `unix:///path` or `tcp://host:port`, the value of `DOCKER_HOST`. @default DEFAULT_HOST */
  readonly host?: string;
  /** The folder of `DOCKER_CERT_PATH`, which TCP needs. */
  readonly certificates?: string | undefined;
}

/**
 * A Docker Engine, or another program that serves its API, over a Unix socket or TCP with TLS.
 *
 * Every call has a deadline and takes a signal, and throws an {@link OmcpError}: `engine_unreachable`, `engine_not_found`,
 * `engine_conflict`, `engine_refused`, `engine_failed`, `image_missing`, `timeout`, `cancelled`, or `invalid_argument` before the
 * engine is asked. {@link Engine.close} closes its connections.
 */
export class Engine {
  /** The negotiated API version, such as `1.41`. */
  readonly apiVersion: string;
  /** Its own name for itself: `Engine` for Docker's, `Podman Engine` for Podman; empty if it has none. */
  readonly product: string;
  /** The path of its socket; undefined over TCP. */
  readonly socketPath: string | undefined;
  readonly #http: EngineHttp;
  readonly #containers: Containers;
  readonly #images: Images;
  readonly #volumes: Volumes;

  private constructor(http: EngineHttp, address: EngineAddress, { apiVersion, product }: Facts) {
    this.#http = http;
    this.apiVersion = apiVersion;
    this.product = product;
    this.socketPath = address.kind === "unix" ? address.path : undefined;
    this.#containers = new Containers(http);
    this.#images = new Images(http);
    this.#volumes = new Volumes(http);
  }

  /**
   * Connects to the engine and negotiates the API version.
   *
   * @param options Where, and for how long to try.
   * @returns The engine.
   * @throws {OmcpError} `engine_unreachable`; `engine_refused` if it is too old; `config_invalid` for an address or
   * certificates that cannot be used.
   */
  static async connect(options: ConnectOptions = {}): Promise<Engine> {
    const address = engineAddress(options.host ?? DEFAULT_HOST, options.certificates);
    const http = new EngineHttp(openEndpoint(address));
    try {
      const version = await http.json({
        action: "reach the container engine",
        method: "GET",
        path: "/version",
        call: options,
        defaultDeadlineMs: DEADLINES_MS.connect,
      }, VersionResponse);
      const chosen = chooseApiVersion(version.newest, version.oldest);
      http.useVersion(chosen);
      return new Engine(http, address, { apiVersion: chosen, product: version.product });
    } catch (error) {
      http.close();
      throw error;
    }
  }

  /** What the engine reports about itself. */
  info(call?: CallOptions): Promise<EngineInfo> {
    return this.#http.json(
      { action: "read the engine's information", method: "GET", path: "/info", call },
      InfoResponse,
    );
  }

  /** Creates a container; see {@link Containers.create}. Returns its id. */
  createContainer(spec: CreateContainerRequest, options: CreateOptions): Promise<string> {
    return this.#containers.create(spec, options);
  }

  /** Starts a container. Succeeds if it already runs. */
  startContainer(id: string, call?: CallOptions): Promise<void> {
    return this.#containers.start(id, call);
  }

  /** Gives a container another name. Throws `engine_conflict` if the name is taken. */
  renameContainer(id: string, name: string, call?: CallOptions): Promise<void> {
    return this.#containers.rename(id, name, call);
  }

  /** Kills a container with SIGKILL. Succeeds if it is absent or does not run. */
  killContainer(id: string, call?: CallOptions): Promise<void> {
    return this.#containers.kill(id, call);
  }

  /** Kills and removes a container with its anonymous volumes; resolves when it no longer exists. Succeeds if it is absent. */
  removeContainer(id: string, options?: RemoveOptions): Promise<void> {
    return this.#containers.remove(id, options);
  }

  /** Inspects a container. Throws `engine_not_found` if it does not exist. */
  inspectContainer(id: string, call?: CallOptions): Promise<ContainerInspect> {
    return this.#containers.inspect(id, call);
  }

  /** Lists containers. */
  listContainers(options: ListOptions): Promise<ContainerSummary[]> {
    return this.#containers.list(options);
  }

  /** Waits for a container's end. */
  waitContainer(id: string, options?: WaitOptions): Promise<{ exitCode: number }> {
    return this.#containers.wait(id, options);
  }

  /**
   * Attaches to a container's stdin, stdout and stderr; see {@link Attachment} for what the caller must read. Earlier output is not
   * included: attach before the start. The deadline and the signal apply to the opening only.
   */
  attach(id: string, call?: CallOptions): Promise<Attachment> {
    const path = `${this.#http.prefix}/containers/${checkName("container", id)}/attach`;
    return openAttach({ endpoint: this.#http.endpoint, path, action: `attach to container "${id}"`, call });
  }

  /** Inspects an image; undefined if it does not exist. */
  inspectImage(reference: string, call?: CallOptions): Promise<ImageInspect | undefined> {
    return this.#images.inspect(reference, call);
  }

  /** Lists the images that have all of the labels. */
  listImages(
    options: CallOptions & { readonly labels: Readonly<Record<string, string>> },
  ): Promise<ImageSummary[]> {
    return this.#images.list(options.labels, options);
  }

  /** Builds an image with the classic builder from a tar archive. Returns the image's id. */
  buildImage(context: ReadableStream<Uint8Array>, options: BuildOptions): Promise<string> {
    return this.#images.build(context, options);
  }

  /** Imports a tar archive of a root file system as an image. Returns the image's id. */
  importImage(rootfs: ReadableStream<Uint8Array>, options: ImportOptions): Promise<string> {
    return this.#images.import(rootfs, options);
  }

  /** Loads the images of an archive of `docker save`, which may be compressed, with their names. */
  loadImages(archive: ReadableStream<Uint8Array>, options?: LoadImagesOptions): Promise<void> {
    return this.#images.load(archive, options);
  }

  /** Saves an image with this name, as `docker save` does; `read` gets the archive and must read it to its end. */
  saveImage(
    reference: string,
    read: (archive: ReadableStream<Uint8Array>) => Promise<void>,
    call?: CallOptions,
  ): Promise<void> {
    return this.#images.save(reference, read, call);
  }

  /** Pulls an image. Returns the image's id. */
  pullImage(reference: string, options?: PullOptions): Promise<string> {
    return this.#images.pull(reference, options);
  }

  /** Adds a name to an image. */
  tagImage(reference: string, name: string, call?: CallOptions): Promise<void> {
    return this.#images.tag(reference, name, call);
  }

  /** Removes a name of an image; with its last name, the image. Succeeds if it is absent. */
  removeImage(reference: string, options?: CallOptions & { readonly force?: boolean }): Promise<void> {
    return this.#images.remove(reference, options);
  }

  /** Creates a volume. An existing volume of that name is returned unchanged: compare its labels. */
  createVolume(
    name: string,
    labels: Readonly<Record<string, string>>,
    call?: CallOptions,
  ): Promise<VolumeInfo> {
    return this.#volumes.create(name, labels, call);
  }

  /** Inspects a volume; undefined if it does not exist. */
  inspectVolume(name: string, call?: CallOptions): Promise<VolumeInfo | undefined> {
    return this.#volumes.inspect(name, call);
  }

  /** Lists the volumes that have all of the labels. */
  listVolumes(
    options: CallOptions & { readonly labels: Readonly<Record<string, string>> },
  ): Promise<VolumeInfo[]> {
    return this.#volumes.list(options.labels, options);
  }

  /** Bytes on disk by volume, without those that the engine has not measured. */
  measureVolumes(call?: CallOptions): Promise<ReadonlyMap<string, number>> {
    return this.#volumes.measure(call);
  }

  /** Removes a volume with all its data. Succeeds if it is absent; throws `engine_conflict` if it is in use. */
  removeVolume(name: string, call?: CallOptions): Promise<void> {
    return this.#volumes.remove(name, call);
  }

  /** Closes the pooled connections; later calls fail. Attachments are not affected. */
  close(): void {
    this.#http.close();
  }
}
