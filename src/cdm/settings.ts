/** Where the CDM is. */
export type DatabaseLocation =
  | { readonly kind: "none" }
  | { readonly kind: "sample" }
  | { readonly kind: "local"; readonly name: string }
  | { readonly kind: "url"; readonly url: string };

/** What a server is told about its CDM. */
export interface CdmSettings {
  readonly database: DatabaseLocation;
  readonly cdmSchema: string;
  /** A role whose privileges are accepted although they are more than a reader's. */
  readonly unsafeRole: string | undefined;
  readonly queryMs: number;
  readonly queryResultBytes: number;
  readonly queryConnections: number;
  /** What the planner may estimate a statement to cost; 0 for no limit. */
  readonly maxCost: number;
  /** What the server's containers are labelled with. */
  readonly instance: string;
  readonly leaseSeconds: number;
}
