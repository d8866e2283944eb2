/**
 * Marks local CDMs whose load has not ended. The labels of a volume cannot change, so that a second, empty volume beside the CDM's
 * has the same load in its labels until that load ends. The marker of a killed load stays: its CDM is a remnant.
 */
import { OmcpError } from "../errors.ts";
import { LABEL_CREATED, LABEL_ROLE, type Volume, type VolumeStore } from "../runtime/mod.ts";
import { markerName, volumeName } from "./local_name.ts";

/** Label of a local CDM's volume and of its marker: the load that created it. */
export const LABEL_LOAD = "org.omcp.cdm.load";

/** Role label of a marker. */
export const ROLE_LOAD = "cdm-load";

/** Seconds after which the container of a killed load has ended by its lease, and a running load has mounted its volume. */
export const LOAD_LEASE_SECONDS = 60;

/** A load that creates a local CDM. */
export interface MarkedLoad {
  readonly name: string;
  /** Unique. */
  readonly load: string;
  /** Labels of the marker besides its own. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Whether the load of a local CDM runs or was killed.
 *
 * @param volumes Where it is.
 * @param name The NAME of `local:NAME`.
 * @param cdm Its volume.
 * @param call Gives up.
 */
export async function isUnfinished(
  volumes: VolumeStore,
  name: string,
  cdm: Volume,
  call: { readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  const marker = await volumes.inspectVolume(markerName(name), call);
  return marker !== undefined && marks(marker, cdm);
}

/**
 * Lists the markers.
 *
 * @param volumes Where to look.
 * @returns By volume name.
 */
export async function listMarkers(volumes: VolumeStore): Promise<ReadonlyMap<string, Volume>> {
  const found = await volumes.listVolumes({ labels: { [LABEL_ROLE]: ROLE_LOAD } });
  return new Map(found.map((marker) => [marker.name, marker]));
}

/**
 * Whether a marker belongs to the load that created a volume.
 *
 * @param marker The marker.
 * @param cdm The volume.
 */
export function marks(marker: Volume, cdm: Volume): boolean {
  return marker.labels[LABEL_ROLE] === ROLE_LOAD && marker.labels[LABEL_LOAD] === cdm.labels[LABEL_LOAD];
}

/**
 * Marks a load, before it creates the CDM's volume; removes what a killed load of that name has left.
 *
 * @param volumes Where to load.
 * @param marked The load.
 * @throws {OmcpError} `cdm_in_use` while another load of that name may run.
 */
export async function createMarker(volumes: VolumeStore, marked: MarkedLoad): Promise<void> {
  const other = await create(volumes, marked);
  if (other === undefined) return;
  const age = Date.now() - Date.parse(other.labels[LABEL_CREATED] ?? other.createdAt);
  if (age < LOAD_LEASE_SECONDS * 1000) throw loading(marked.name);
  const remnant = await volumes.inspectVolume(volumeName(marked.name));
  if (remnant !== undefined && marks(other, remnant)) {
    try {
      // The engine refuses to remove a mounted volume.
      await volumes.removeVolume(remnant.name);
    } catch (error) {
      throw error instanceof OmcpError && error.code === "engine_conflict"
        ? loading(marked.name, error)
        : error;
    }
  }
  await volumes.removeVolume(other.name);
  if (await create(volumes, marked) !== undefined) throw loading(marked.name);
}

/** Creates the marker; returns the one that is there already. */
async function create(
  volumes: VolumeStore,
  { name, load, labels }: MarkedLoad,
): Promise<Volume | undefined> {
  const marker = await volumes.createVolume(markerName(name), {
    ...labels,
    [LABEL_ROLE]: ROLE_LOAD,
    [LABEL_CREATED]: new Date().toISOString(),
    [LABEL_LOAD]: load,
  });
  return marker.labels[LABEL_LOAD] === load ? undefined : marker;
}

function loading(name: string, cause?: unknown): OmcpError {
  return new OmcpError("cdm_in_use", `Another load of local CDM ${name} runs, or was killed a moment ago`, {
    state: "It is untouched.",
    next:
      `Wait for it. If it was killed, repeat the load after ${LOAD_LEASE_SECONDS} s; it replaces the remnant.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
