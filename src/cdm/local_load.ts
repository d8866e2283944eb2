/** Loading into a local CDM: an engine volume that a server then serves as `local:NAME`. */
import { LABEL_CDM_VERSION } from "./local_cdm.ts";
import { createMarker, isUnfinished, LABEL_LOAD, LOAD_LEASE_SECONDS } from "./load_marker.ts";
import { isLocalName, LOCAL_SCHEMA, markerName, volumeName } from "./local_name.ts";
import { cdmInUse, removeLocalCdm, ROLE_CDM } from "./local_store.ts";
import { OmcpError } from "../errors.ts";
import {
  type ContainerPlatform,
  LABEL_CREATED,
  LABEL_NAME,
  LABEL_ROLE,
  LABEL_VERSION,
} from "../runtime/mod.ts";
import { type CdmSource, loadCdm, type LoadOptions, type LoadReport } from "./load/mod.ts";
import { LocalDatabase } from "../postgres/local/container.ts";
import { LOCAL_ADMIN, LOCAL_DATABASE } from "../postgres/local/mod.ts";
import { READER_ROLE } from "../postgres/roles/reader_role_sql.ts";
import { ask, StreamUpstream } from "../postgres/upstream/mod.ts";
import { imageReference } from "../images/identity.ts";
import { logger, logStep } from "../observability/log.ts";
import { missingImage } from "../images/missing.ts";
import { VERSION } from "../version.ts";
import { databaseProcessors } from "../postgres/local/processors.ts";

const log = logger("load");

const CHECKPOINT_MS = 600_000;

/** What {@link loadLocal} needs. */
export interface LocalLoadOptions extends Pick<LoadOptions, "onTable" | "onStep" | "signal"> {
  /** Where to create the volume. */
  readonly runtime: ContainerPlatform;
  /** The NAME of `local:NAME`. */
  readonly name: string;
  /** The CDM to load. */
  readonly source: CdmSource;
  /** Whether to remove a local CDM of that name first. @default {false} */
  readonly replace?: boolean;
  /** Labels of the volume besides its own. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Instance label of the load's container. @default a random one */
  readonly instance?: string;
}

/**
 * Loads a CDM into a new engine volume. A failed load removes the volume. A killed load leaves a remnant: servers refuse it
 * (`cdm_invalid`), and the next load replaces it.
 *
 * @param options The source, the name, and whether to replace.
 * @returns What was loaded.
 * @throws {OmcpError} `invalid_argument` for a name that is taken or invalid, `cdm_in_use`, `image_missing`, and what
 * {@link loadCdm} and the engine throw.
 */
export async function loadLocal(options: LocalLoadOptions): Promise<LoadReport> {
  const { runtime, name, source, signal } = options;
  if (!isLocalName(name)) {
    throw new OmcpError("invalid_argument", "A local CDM's name must match [a-z][a-z0-9_-]{0,39}");
  }
  const image = imageReference("postgres");
  if (!await runtime.hasImage(image)) throw missingImage(image);
  const volume = volumeName(name);
  await createOwnVolume(options, volume);
  const local = new LocalDatabase({
    runtime,
    instance: options.instance ?? crypto.randomUUID(),
    image,
    data: { kind: "volume", volume, name },
    leaseSeconds: LOAD_LEASE_SECONDS,
    cpus: databaseProcessors(await runtime.resources()),
    // The log of the load is of no use afterwards: a checkpoint removes its segments instead of keeping them for reuse.
    settings: { max_wal_size: "1GB", wal_recycle: "off" },
    trusted: true,
  });
  const upstream = new StreamUpstream({
    open: (waiting) => local.open(waiting),
    user: LOCAL_ADMIN,
    database: LOCAL_DATABASE,
    description: `local CDM ${name}`,
  });
  let report: LoadReport;
  try {
    report = await logStep(log, "Load the CDM", () =>
      loadCdm({
        source,
        upstream,
        schema: LOCAL_SCHEMA,
        replace: true, // The volume is new: there is at most the template's empty schema.
        reader: READER_ROLE,
        signal,
        ...(options.onTable === undefined ? {} : { onTable: options.onTable }),
        ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
      }), { name });
    await checkpoint(upstream);
    await local.close();
    await runtime.removeVolume(markerName(name));
  } catch (error) {
    await local.close().catch(() => {});
    await removeVolumes(runtime, name).catch(() => {});
    throw error instanceof OmcpError && error.code !== "cdm_in_use" ? withoutVolume(error, name) : error;
  }
  return report;
}

/** Removes the CDM of a failed load; its marker stays as long as the CDM does. */
async function removeVolumes(runtime: ContainerPlatform, name: string): Promise<void> {
  await runtime.removeVolume(volumeName(name));
  await runtime.removeVolume(markerName(name));
}

/** Creates the volume, which must be new and this load's own, and its marker. */
async function createOwnVolume(options: LocalLoadOptions, volume: string): Promise<void> {
  const { runtime, name, source, replace = false, labels = {} } = options;
  const existing = await runtime.inspectVolume(volume);
  if (existing !== undefined && !replace && !await isUnfinished(runtime, name, existing)) {
    throw new OmcpError("invalid_argument", `Local CDM ${name} already exists`, {
      state: "It is untouched.",
      next: "Choose another name, or pass --replace.",
    });
  }
  const load = crypto.randomUUID();
  await createMarker(runtime, { name, load, labels });
  try {
    // What is there now is a CDM whose load has ended.
    if (await runtime.inspectVolume(volume) !== undefined) await removeLocalCdm(runtime, name);
    const created = await runtime.createVolume(volume, {
      ...labels,
      [LABEL_ROLE]: ROLE_CDM,
      [LABEL_NAME]: name,
      [LABEL_CREATED]: new Date().toISOString(),
      [LABEL_VERSION]: VERSION,
      [LABEL_CDM_VERSION]: source.version,
      [LABEL_LOAD]: load,
    });
    // The engine returns an existing volume unchanged: then another program created it first.
    if (created.labels[LABEL_LOAD] !== load) throw cdmInUse(name);
  } catch (error) {
    await runtime.removeVolume(markerName(name)).catch(() => {});
    throw error;
  }
}

/** Writes everything to disk, so that the next start replays no log. */
async function checkpoint(upstream: StreamUpstream): Promise<void> {
  const signal = AbortSignal.timeout(CHECKPOINT_MS);
  const session = await upstream.connect({}, signal);
  try {
    await ask(session, "CHECKPOINT", signal);
  } finally {
    session.close();
  }
}

function withoutVolume(error: OmcpError, name: string): OmcpError {
  return error.with({ state: `There is no local CDM ${name}: the load removed its volume.` });
}
