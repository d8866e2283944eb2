/**
 * Normalizes a distribution's name as PEP 503 says.
 *
 * @param name The name.
 */
export function normalizedName(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}
