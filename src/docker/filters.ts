/** Filters of a list of containers or volumes. */
export interface Filters {
  /** Objects that have all of these labels; an empty value matches any value of that label. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Containers that mount this volume. */
  readonly volume?: string;
}

/**
 * The engine's `filters` parameter.
 *
 * @param filters All must match.
 */
export function filters({ labels = {}, volume }: Filters): string {
  const label = Object.entries(labels).map(([name, value]) => value === "" ? name : `${name}=${value}`);
  return JSON.stringify({
    ...(label.length === 0 ? {} : { label }),
    ...(volume === undefined ? {} : { volume: [volume] }),
  });
}
