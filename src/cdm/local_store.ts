/** The local CDMs of an engine: lists them with their users, removes them. */
import * as z from "zod";
import { LABEL_CDM_VERSION } from "./local_cdm.ts";
import { isUnfinished, listMarkers, marks } from "./load_marker.ts";
import { markerName, nameOfVolume, volumeName } from "./local_name.ts";
import { OmcpError } from "../errors.ts";
import { type ContainerPlatform, LABEL_CREATED, LABEL_INSTANCE, LABEL_ROLE } from "../runtime/mod.ts";
import { ownCommand } from "../lib/own_command.ts";
import { readableBytes } from "../lib/text.ts";
import { type CdmVersion, cdmVersionSchema } from "../omop/cdm/mod.ts";

/** Role label of a volume with a local CDM: volumes without it are never listed or removed. */
export const ROLE_CDM = "cdm";

/** How long the engine may take to measure its volumes, in milliseconds. */
const MEASURE_MS = 5000;

/** A container that mounts a local CDM. */
export interface CdmUser {
  /** The container's name in the engine. */
  readonly container: string;
  /** The `OMCP_INSTANCE` of the server or load that created it; undefined for a container of another program. */
  readonly instance: string | undefined;
  /** The container's state: a stopped container also uses its volume. */
  readonly state: string;
}

/** One local CDM. */
export interface LocalCdm {
  /** The NAME of `local:NAME`. */
  readonly name: string;
  /** From its labels. */
  readonly version: CdmVersion | undefined;
  /** When its load began, RFC 3339; empty if neither the label nor the engine has it. */
  readonly created: string;
  /** Bytes on disk; undefined if the engine does not measure them in time. */
  readonly bytes: number | undefined;
  /** Whether its load has ended; else it is being loaded, or a remnant. */
  readonly loaded: boolean;
  /** Empty if it is free. */
  readonly users: readonly CdmUser[];
}

/**
 * Lists the local CDMs, including those of running and killed loads.
 *
 * @param runtime Where to look.
 * @returns All of them, by name.
 * @throws {OmcpError} What the engine's calls throw.
 */
export async function listLocalCdms(runtime: ContainerPlatform): Promise<LocalCdm[]> {
  const volumes = await runtime.listVolumes({ labels: { [LABEL_ROLE]: ROLE_CDM } });
  const markers = await listMarkers(runtime);
  const sizes = volumes.length === 0 ? new Map<string, number>() : await sizesOf(runtime);
  const cdms: LocalCdm[] = [];
  for (const found of volumes) {
    const { name: volume, labels, createdAt } = found;
    const name = nameOfVolume(volume);
    if (name === undefined) continue; // Not a local CDM, despite its label: no setting can name it.
    const created = z.iso.datetime({ offset: true });
    const marker = markers.get(markerName(name));
    cdms.push({
      name,
      version: cdmVersionSchema.safeParse(labels[LABEL_CDM_VERSION]).data,
      created: created.safeParse(labels[LABEL_CREATED]).data ?? created.safeParse(createdAt).data ?? "",
      bytes: sizes.get(volume),
      loaded: marker === undefined || !marks(marker, found),
      users: await usersOf(runtime, volume),
    });
  }
  return cdms.sort((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * Removes a local CDM with all its data.
 *
 * @param runtime Where it is.
 * @param name The NAME of `local:NAME`.
 * @throws {OmcpError} `cdm_in_use` while a container mounts it, `invalid_argument` if it does not exist or this program did not create it.
 */
export async function removeLocalCdm(runtime: ContainerPlatform, name: string): Promise<void> {
  const volume = volumeName(name);
  const found = await runtime.inspectVolume(volume);
  if (found === undefined) {
    throw new OmcpError("invalid_argument", `There is no local CDM ${name}`, {
      state: "Nothing was removed.",
      next: `List the local CDMs with \`${ownCommand("cdm list")}\`.`,
    });
  }
  if (found.labels[LABEL_ROLE] !== ROLE_CDM) {
    throw new OmcpError("invalid_argument", `Volume ${volume} is not a local CDM of this program`, {
      state: "It is untouched.",
      next: "Name another local CDM, or find the volume's owner with the engine's own tools.",
    });
  }
  const unfinished = await isUnfinished(runtime, name, found);
  try {
    // The engine refuses to remove a mounted volume; a check before could be outdated.
    await runtime.removeVolume(volume);
    if (unfinished) await runtime.removeVolume(markerName(name));
  } catch (error) {
    if (!(error instanceof OmcpError) || error.code !== "engine_conflict") throw error;
    throw cdmInUse(name, await usersOf(runtime, volume), error);
  }
}

/**
 * The error for a local CDM that is in use.
 *
 * @param name The NAME of `local:NAME`.
 * @param users The known users.
 * @param cause The engine's error.
 */
export function cdmInUse(name: string, users: readonly CdmUser[] = [], cause?: unknown): OmcpError {
  const by = users.length === 0 ? "a server or another load" : users.map(describeUser).join(", ");
  return new OmcpError("cdm_in_use", `The local CDM ${name} is in use by ${by}`, {
    state: "It is untouched.",
    next: "Stop that server or load, or name another CDM.",
    details: { containers: users.map(({ container }) => container) },
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Describes who uses a local CDM.
 *
 * @param user The container.
 */
export function describeUser({ container, instance, state }: CdmUser): string {
  const owner = instance === undefined ? "" : ` of instance ${instance}`;
  return `${container}${owner}${state === "running" ? "" : ` (${state})`}`;
}

/**
 * Formats local CDMs as a table.
 *
 * @param cdms The CDMs.
 * @returns Its lines, the column heads first.
 */
export function cdmLines(cdms: readonly LocalCdm[]): string[] {
  if (cdms.length === 0) return ["There are no local CDMs."];
  const rows = [["name", "CDM", "created", "size", "state", "in use by"]];
  for (const cdm of cdms) {
    const { name, version, created, bytes, users } = cdm;
    const size = bytes === undefined ? "?" : readableBytes(bytes);
    const by = users.map(describeUser).join(", ") || "-";
    rows.push([`local:${name}`, version ?? "?", created.slice(0, 19) || "?", size, stateOf(cdm), by]);
  }
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row.map((text, column) => column === 3 ? text.padStart(widths[3] ?? 0) : text.padEnd(widths[column] ?? 0))
      .join("  ")
  );
  if (cdms.some((cdm) => stateOf(cdm) === "remnant")) {
    lines.push(
      "",
      `A remnant is what a killed load has left. The next load of that name replaces it; \`${
        ownCommand("cdm remove local:NAME")
      }\` removes it.`,
    );
  }
  return lines;
}

function stateOf({ loaded, users }: LocalCdm): "loaded" | "loading" | "remnant" {
  if (loaded) return "loaded";
  return users.some(({ state }) => state === "running") ? "loading" : "remnant";
}

/** The containers that mount a volume, in any state. */
async function usersOf(runtime: ContainerPlatform, volume: string): Promise<CdmUser[]> {
  const found = await runtime.listContainers({ volume, all: true });
  return found.map(({ name, labels, status }) => ({
    container: name,
    instance: z.string().regex(/^[\w.-]{1,128}$/).safeParse(labels[LABEL_INSTANCE]).data,
    state: status,
  }));
}

/** Bytes of each volume; empty if the runtime cannot measure them in time, because the list is useful without sizes. */
async function sizesOf(runtime: ContainerPlatform): Promise<ReadonlyMap<string, number>> {
  try {
    return await runtime.measureVolumes({ deadlineMs: MEASURE_MS });
  } catch (error) {
    if (!(error instanceof OmcpError)) throw error;
    return new Map();
  }
}
