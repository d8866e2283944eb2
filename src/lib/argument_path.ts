/**
 * Where in an argument something is, as messages show it.
 *
 * @param path Keys and positions, from the outermost.
 * @returns As in `filters[0].value`; empty for the whole.
 */
export function argumentPath(path: readonly PropertyKey[]): string {
  return path.map((key, at) =>
    typeof key === "number" ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`
  ).join("");
}
