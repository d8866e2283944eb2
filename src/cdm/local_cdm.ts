/** The server's local CDM: which version it has, and its database, which starts at the first use. */
import { OmcpError } from "../errors.ts";
import { imageReference } from "../images/identity.ts";
import { missingImage } from "../images/missing.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { ownCommand } from "../lib/own_command.ts";
import { type CdmVersion, cdmVersionSchema, DEFAULT_CDM_VERSION } from "../omop/cdm/mod.ts";
import { LocalDatabase } from "../postgres/local/container.ts";
import { databaseProcessors } from "../postgres/local/processors.ts";
import type { ContainerPlatform } from "../runtime/mod.ts";
import { isUnfinished, LABEL_LOAD } from "./load_marker.ts";
import { volumeName } from "./local_name.ts";
import type { CdmSettings, DatabaseLocation } from "./settings.ts";

/** Label of an engine volume: the version of the CDM in it. */
export const LABEL_CDM_VERSION = "org.omcp.cdm.version";

/** The sample, or a CDM in a volume. */
export class LocalCdm {
  readonly #config: Pick<CdmSettings, "instance" | "leaseSeconds">;
  readonly #runtime: ContainerPlatform;
  readonly #location: Extract<DatabaseLocation, { kind: "sample" | "local" }>;
  #version: CdmVersion | undefined;
  #load = "";
  #database: LocalDatabase | undefined;
  #closed = false;

  /**
   * @param config The settings.
   * @param runtime Where it runs.
   * @param location Which it is.
   */
  constructor(
    config: Pick<CdmSettings, "instance" | "leaseSeconds">,
    runtime: ContainerPlatform,
    location: Extract<DatabaseLocation, { kind: "sample" | "local" }>,
  ) {
    this.#config = config;
    this.#runtime = runtime;
    this.#location = location;
  }

  /** Undefined until it is found. */
  get version(): CdmVersion | undefined {
    return this.#version;
  }

  /** Which load of the CDM it is; empty until it is found. */
  get load(): string {
    return this.#load;
  }

  /**
   * Finds image and CDM unless they have been found.
   *
   * @param signal Gives up.
   * @throws {OmcpError} `image_missing`, `cdm_invalid`, or the runtime's errors.
   */
  async look(signal?: AbortSignal): Promise<void> {
    if (this.#version !== undefined) return;
    const call = signal === undefined ? {} : { signal };
    const image = imageReference("postgres");
    if (!await this.#runtime.hasImage(image, call)) throw missingImage(image);
    if (this.#location.kind === "sample") this.#load = image;
    this.#version = this.#location.kind === "sample"
      ? DEFAULT_CDM_VERSION
      : await this.#volumeVersion(this.#location.name, call);
  }

  /**
   * Opens a raw connection to its Postgres.
   *
   * @param signal Gives up.
   * @throws {OmcpError} What {@link look} and {@link LocalDatabase.open} throw.
   */
  async open(signal: AbortSignal): Promise<ByteStream> {
    // Before the start, because the engine would create a volume that does not exist.
    await this.look(signal);
    const { cpus, cpuQuota } = await this.#runtime.resources({ signal });
    if (this.#closed) throw new OmcpError("shutting_down", "The server is shutting down");
    this.#database ??= this.#create({ cpus, cpuQuota });
    return await this.#database.open(signal);
  }

  /** Stops Postgres cleanly and removes the container. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#database?.close();
  }

  #create(machine: Parameters<typeof databaseProcessors>[0]): LocalDatabase {
    const { instance, leaseSeconds } = this.#config;
    const location = this.#location;
    return new LocalDatabase({
      runtime: this.#runtime,
      instance,
      image: imageReference("postgres"),
      data: location.kind === "local"
        ? { kind: "volume", volume: volumeName(location.name), name: location.name }
        : { kind: "sample" },
      leaseSeconds,
      cpus: databaseProcessors(machine),
    });
  }

  async #volumeVersion(name: string, call: { readonly signal?: AbortSignal }): Promise<CdmVersion> {
    const found = await this.#runtime.inspectVolume(volumeName(name), call);
    const version = cdmVersionSchema.safeParse(found?.labels[LABEL_CDM_VERSION]);
    if (found !== undefined && await isUnfinished(this.#runtime, name, found, call)) {
      throw new OmcpError("cdm_invalid", `The load of local CDM ${name} runs, or was killed`, {
        state: "The load and what it has written are untouched.",
        next: `Wait for it, or load it again: the load replaces what a killed one has left. \`${
          ownCommand("cdm list")
        }\` shows which.`,
      });
    }
    if (found !== undefined && version.success) {
      this.#load = found.labels[LABEL_LOAD] ?? "";
      return version.data;
    }
    throw new OmcpError("cdm_invalid", `There is no local CDM ${name}`, {
      state: "No CDM was created. Sandboxes can be used without it.",
      next: `Create it with \`${ownCommand("cdm load DIR --into local:NAME")}\`, or with \`${
        ownCommand("cdm sample --into local:NAME")
      }\`.`,
    });
  }
}
