import { OmcpError } from "../errors.ts";
import type { EngineHttp } from "./http.ts";
import { labelFilter } from "./images.ts";
import { checkName } from "./names.ts";
import { VolumeAnswer, VolumeListAnswer } from "./schemas.ts";
import type { CallOptions, VolumeInfo } from "./types.ts";

/** The engine's volumes. */
export class Volumes {
  readonly #http: EngineHttp;

  /** @param http The connection to the engine. */
  constructor(http: EngineHttp) {
    this.#http = http;
  }

  /** Makes a local volume; one of the same name is returned as it is, so look at its labels. */
  create(name: string, labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<VolumeInfo> {
    checkName("volume", name);
    const json = { Name: name, Driver: "local", Labels: labels };
    return this.#http.json(
      { action: `create volume "${name}"`, method: "POST", path: "/volumes/create", json, call },
      VolumeAnswer,
    );
  }

  /** Looks at a volume; nothing if there is none. */
  async inspect(name: string, call?: CallOptions): Promise<VolumeInfo | undefined> {
    const path = `/volumes/${checkName("volume", name)}`;
    try {
      return await this.#http.json(
        { action: `inspect volume "${name}"`, method: "GET", path, call },
        VolumeAnswer,
      );
    } catch (error) {
      if (error instanceof OmcpError && error.code === "engine_not_found") return undefined;
      throw error;
    }
  }

  /** Lists the volumes that bear all of the labels. */
  list(labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<VolumeInfo[]> {
    const query = { filters: labelFilter(labels) };
    return this.#http.json(
      { action: "list volumes", method: "GET", path: "/volumes", query, call },
      VolumeListAnswer,
    );
  }

  /** Removes a volume with all that is in it. Absent is success; one in use throws `engine_conflict`. */
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
