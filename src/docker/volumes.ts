import { OmcpError } from "../errors.ts";
import { filters } from "./filters.ts";
import type { EngineHttp } from "./http.ts";
import { checkName } from "./names.ts";
import { DiskUsageResponse, VolumeListResponse, VolumeResponse } from "./schemas.ts";
import type { CallOptions, VolumeInfo } from "./types.ts";

/** The engine's volumes. */
export class Volumes {
  readonly #http: EngineHttp;

  /** @param http The connection to the engine. */
  constructor(http: EngineHttp) {
    this.#http = http;
  }

  /** Creates a local volume. An existing volume of that name is returned unchanged: compare its labels. */
  create(name: string, labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<VolumeInfo> {
    checkName("volume", name);
    const json = { Name: name, Driver: "local", Labels: labels };
    return this.#http.json(
      { action: `create volume "${name}"`, method: "POST", path: "/volumes/create", json, call },
      VolumeResponse,
    );
  }

  /** Inspects a volume; undefined if it does not exist. */
  async inspect(name: string, call?: CallOptions): Promise<VolumeInfo | undefined> {
    const path = `/volumes/${checkName("volume", name)}`;
    try {
      return await this.#http.json(
        { action: `inspect volume "${name}"`, method: "GET", path, call },
        VolumeResponse,
      );
    } catch (error) {
      if (error instanceof OmcpError && error.code === "engine_not_found") return undefined;
      throw error;
    }
  }

  /** Lists the volumes that have all of the labels. */
  list(labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<VolumeInfo[]> {
    const query = { filters: filters({ labels }) };
    return this.#http.json(
      { action: "list volumes", method: "GET", path: "/volumes", query, call },
      VolumeListResponse,
    );
  }

  /** Bytes on disk by volume, without those that the engine has not measured. */
  measure(call?: CallOptions): Promise<ReadonlyMap<string, number>> {
    const query = { type: "volume" };
    return this.#http.json(
      { action: "measure the volumes", method: "GET", path: "/system/df", query, call },
      DiskUsageResponse,
    );
  }

  /** Removes a volume with all its data. Succeeds if it is absent; throws `engine_conflict` if it is in use. */
  async remove(name: string, call?: CallOptions): Promise<void> {
    await this.#http.status({
      action: `remove volume "${checkName("volume", name)}"`,
      method: "DELETE",
      path: `/volumes/${name}`,
      call,
      alsoAccept: [404],
    });
  }
}
