/** What the settings decide about a server's tools: known before the tools are loaded. */
import type { Toolset } from "./toolsets.ts";

/** What may leave the database. `open`: rows. `aggregate`: numbers on groups of persons. */
export const DISCLOSURE_MODES = ["open", "aggregate"] as const;

/** One of {@link DISCLOSURE_MODES}. */
export type DisclosureMode = (typeof DISCLOSURE_MODES)[number];

/** Which groups of tools a server offers, and of which database. */
export interface ServerScope {
  readonly toolsets: readonly Toolset[];
  readonly disclosure: DisclosureMode;
  /** Whether a database is configured. Code in sandboxes reaches it even if the server does not offer the toolset `omop`. @default whether it offers `omop` */
  readonly hasDatabase?: boolean;
}
