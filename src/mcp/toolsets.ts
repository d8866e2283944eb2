/** The names of the toolsets, in a file that imports nothing: the launcher of a package reads it at each start. */

/**
 * Groups of tools. `core`, sandboxes and cells, is always offered, because all others work in a sandbox. `OMCP_TOOLSETS` chooses among the others:
 * `omop` needs a configured database, `exchange` an exchange folder, `packages` the operator's permission.
 */
export const TOOLSETS = ["core", "files", "omop", "exchange", "packages"] as const;

/** One of {@link TOOLSETS}. */
export type Toolset = (typeof TOOLSETS)[number];
