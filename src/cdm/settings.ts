import type { DisclosureRules } from "./disclosure/mod.ts";

/** Where the CDM is. */
export type DatabaseLocation =
  | { readonly kind: "none" }
  | { readonly kind: "sample" }
  | { readonly kind: "local"; readonly name: string }
  | { readonly kind: "url"; readonly url: string };

/** A server's settings for its CDM. */
export interface CdmSettings {
  readonly database: DatabaseLocation;
  readonly cdmSchema: string;
  /** The rules by which aggregates leave the database; undefined if rows may. */
  readonly disclosure: DisclosureRules | undefined;
  /** Where released numbers are remembered; undefined: in memory. */
  readonly ledgerFolder: string | undefined;
  /** A role that is accepted although it has more privileges than a reader. */
  readonly unsafeRole: string | undefined;
  readonly queryMs: number;
  readonly queryResultBytes: number;
  readonly queryConnections: number;
  /** The highest planner cost of a statement; 0: no limit. */
  readonly maxCost: number;
  /** The instance label of the server's containers. */
  readonly instance: string;
  readonly leaseSeconds: number;
}
