/** Names of local CDMs: a user writes `local:NAME`; the engine has the volume `omcp-cdm-NAME`. */

const NAME = /^[a-z][a-z0-9_-]{0,39}$/;
const PREFIX = "local:";
/** The schema of every local database: the sample, and what `cdm load --into local:NAME` creates. */
export const LOCAL_SCHEMA = "cdm";
const VOLUME_PREFIX = "omcp-cdm-";
const MARKER_PREFIX = "omcp-cdmload-";

/**
 * Checks the NAME of `local:NAME`.
 *
 * @param name The name, without `local:`.
 */
export function isLocalName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Returns the NAME in `local:NAME`.
 *
 * @param text What the user wrote.
 * @returns The name, or undefined for any other text.
 */
export function localName(text: string): string | undefined {
  const name = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : "";
  return isLocalName(name) ? name : undefined;
}

/**
 * The engine volume of a local CDM.
 *
 * @param name The NAME of `local:NAME`.
 */
export function volumeName(name: string): string {
  return `${VOLUME_PREFIX}${name}`;
}

/**
 * The engine volume that marks a local CDM whose load has not ended.
 *
 * @param name The NAME of `local:NAME`.
 */
export function markerName(name: string): string {
  return `${MARKER_PREFIX}${name}`;
}

/**
 * Returns the NAME in a volume's name.
 *
 * @param volume The volume's name in the engine.
 * @returns The name, or undefined for a volume that cannot be a local CDM's.
 */
export function nameOfVolume(volume: string): string | undefined {
  const name = volume.startsWith(VOLUME_PREFIX) ? volume.slice(VOLUME_PREFIX.length) : "";
  return isLocalName(name) ? name : undefined;
}
