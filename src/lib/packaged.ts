/**
 * Whether this is a packaged program: one file, made by `deno task package`, without the project's folder around it.
 * `scripts/package/bundle.ts` replaces the value.
 */
export const PACKAGED: boolean = false;
