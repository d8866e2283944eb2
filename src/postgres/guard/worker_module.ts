/**
 * Where Deno loads the guard's worker from. `scripts/package/bundle.ts` replaces this file: a packaged program contains its worker as a
 * text.
 *
 * @returns The module's URL.
 */
export function workerModule(): URL {
  return new URL("./worker.ts", import.meta.url);
}
