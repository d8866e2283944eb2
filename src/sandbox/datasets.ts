/** Datasets: folders of the engine's machine that the operator names and every sandbox can read. */

/** Where datasets are in a sandbox, each in a folder of its name. */
export const DATASETS_FOLDER = "/data";

/** One dataset. */
export interface Dataset {
  /** Lower-case letters, digits, `_` and `-`. */
  readonly name: string;
  /** Where it is on the engine's machine, an absolute path. */
  readonly folder: string;
}

/**
 * Where a dataset is in a sandbox.
 *
 * @param name Its name.
 */
export function datasetPath(name: string): string {
  return `${DATASETS_FOLDER}/${name}`;
}
