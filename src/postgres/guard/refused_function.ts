import { isInCatalog } from "./catalog_names.ts";
import { closest } from "./closest.ts";
import { REPLACEMENTS } from "./dialects.ts";
import { FUNCTIONS } from "./functions.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import type { GuardPolicy } from "./types.ts";
import { READ_XML_HINT } from "./xml.ts";

const ALLOWED_HINT = "PostgreSQL's functions that only compute are allowed, and those that the site lists";

/**
 * The refusal of a function that is not allowed. If PostgreSQL does not have the function, it is a typing error or belongs to another dialect: the
 * refusal says so, and what to write.
 *
 * @param names The function's name, after its schema's if it has one.
 * @param policy The site's functions.
 * @returns The refusal.
 */
export function refusedFunction(names: readonly string[], policy: GuardPolicy): Refusal {
  const written = names.join(".");
  const name = (names.at(-1) ?? "").toLowerCase();
  const replacements = REPLACEMENTS.get(name);
  const replacement = replacements === undefined ? undefined : `Write ${replacements.join(", or ")}`;
  const elsewhere = names.length > 1 && names[0] !== "pg_catalog";
  if (elsewhere || isInCatalog(name)) {
    return new Refusal(
      `permission denied for function ${written}(): it is not among those a sandbox may call`,
      replacement ?? (/^x(?:ml|path)/.test(name) ? READ_XML_HINT : ALLOWED_HINT),
    );
  }
  return new Refusal(
    `function ${written}() does not exist in PostgreSQL`,
    replacement ?? likely(name, policy) ?? ALLOWED_HINT,
    SQLSTATE.undefinedFunction,
  );
}

function likely(name: string, { extraFunctions = [] }: GuardPolicy): string | undefined {
  const extras = [...extraFunctions].map((extra) => extra.slice(extra.indexOf(".") + 1));
  const near = closest(name, [...FUNCTIONS.keys(), ...extras]);
  return near === undefined ? undefined : `Perhaps ${near}() is meant`;
}
