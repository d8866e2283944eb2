/** What may be installed into sandboxes, and from where. */

/** `allowlist`: only what the operator lists. `any`: whatever the index has as a wheel. */
export type PackageMode = "allowlist" | "any";

/** What installations of a server have in common. */
export interface PackageSettings {
  readonly mode: PackageMode;
  /** Names as PEP 503 normalizes them; for the mode `allowlist`. */
  readonly allowed: ReadonlySet<string>;
  /** The runtime's network that the resolver joins. */
  readonly network: string;
  /** An image with python3 and uv, the project's own. */
  readonly resolverImage: string;
  /** Reads the part that may change while the server runs; called for each installation. */
  readonly site: () => Promise<PackageSite>;
}

/** How the site reaches its index. All of it may hold secrets: it goes to the resolver's stdin and nowhere else. */
export interface PackageSite {
  /** Environment variables of uv: the index, proxies. */
  readonly environment: Readonly<Record<string, string>>;
  /** Certificate authorities as PEM; empty for uv's own. */
  readonly certificates: string;
  /** The operator's constraints, in the format of a requirements file. */
  readonly constraints: string;
}
