/** The names of the toolsets, in a file that imports nothing: the launcher of a package reads it at each start. */

/**
 * Groups of tools. `core`, sandboxes and cells, is always offered, because all others work in a sandbox. Of the others, those that
 * `OMCP_TOOLSETS` names: `omop` where a database is configured, `exchange` where an exchange folder is, `packages` where the operator
 * allows them.
 */
export const TOOLSETS = ["core", "files", "omop", "exchange", "packages"] as const;

/** One of {@link TOOLSETS}. */
export type Toolset = (typeof TOOLSETS)[number];
