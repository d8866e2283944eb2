/**
 * The part of PEP 508 that a caller may use: a name, extras, versions, a marker. URLs, paths and options are not part of this grammar. The
 * resolver gets a requirement that is composed again from the parsed parts, so that nothing else can reach it.
 */
import { OmcpError } from "../../errors.ts";
import { normalizedName } from "../../lib/package_name.ts";

/** Most requirements of one call. */
export const MAX_REQUIREMENTS = 50;
/** Longest requirement, in characters. */
export const MAX_REQUIREMENT_CHARACTERS = 300;

/** One requirement. */
export interface Requirement {
  /** As PEP 503 normalizes it. */
  readonly name: string;
  /** In canonical form: equal texts are equal requirements. */
  readonly text: string;
}

const NAME = /[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/;
const VERSION = /[A-Za-z0-9](?:[A-Za-z0-9._+!-]*[A-Za-z0-9])?(?:\.\*)?/;
const CLAUSE = new RegExp(`(?:===|==|~=|!=|<=|>=|<|>) *${VERSION.source}`);
const REQUIREMENT = new RegExp(
  `^(?<name>${NAME.source}) *(?:\\[ *(?<extras>${NAME.source}(?: *, *${NAME.source})*) *\\])? *` +
    `(?:(?<plain>${CLAUSE.source}(?: *, *${CLAUSE.source})*)|\\( *(?<inner>${CLAUSE.source}(?: *, *${CLAUSE.source})*) *\\))? *` +
    `(?:; *(?<marker>.+))?$`,
);

/** The variables of markers that say something about the sandbox; `extra` has no meaning here. */
const VARIABLE =
  /(?:os_name|sys_platform|platform_machine|platform_system|platform_python_implementation|implementation_name|python_version|python_full_version)\b/;
const OPERATOR = /(?:===|==|~=|!=|<=|>=|<|>|\bnot +in\b|\bin\b)/;
const STRING = /(?:"[A-Za-z0-9._ +*-]{0,60}"|'[A-Za-z0-9._ +*-]{0,60}')/;
const COMPARISON =
  `(?:${VARIABLE.source} *${OPERATOR.source} *${STRING.source}|${STRING.source} *${OPERATOR.source} *${VARIABLE.source})`;
const MARKER = new RegExp(`^${COMPARISON}(?: +(?:and|or) +${COMPARISON})*$`);

const ALLOWED =
  'Name packages as "name", "name[extra]" or "name>=1.2,<2", several as a list. URLs, paths, files, git and options are not possible.';

/**
 * Reads what a caller asks for.
 *
 * @param texts One text for each requirement.
 * @returns The requirements, in canonical form.
 * @throws {OmcpError} `invalid_argument`, which says what is allowed; also where a package is named twice.
 */
export function parseRequirements(texts: readonly string[]): Requirement[] {
  if (texts.length === 0 || texts.length > MAX_REQUIREMENTS) {
    throw refused(`A call takes 1 to ${MAX_REQUIREMENTS} requirements; received ${texts.length}`);
  }
  const found = new Map<string, Requirement>();
  for (const text of texts) {
    const requirement = parseRequirement(text);
    if (found.has(requirement.name)) {
      throw refused(
        `Duplicate package ${requirement.name}`,
        'Name it once, with all its extras and versions, such as "pandas[excel]>=2.2,<3".',
      );
    }
    found.set(requirement.name, requirement);
  }
  return [...found.values()];
}

function parseRequirement(given: string): Requirement {
  const text = given.trim();
  const parts = text.length > MAX_REQUIREMENT_CHARACTERS ? undefined : REQUIREMENT.exec(text)?.groups;
  const name = parts?.["name"];
  if (parts === undefined || name === undefined) {
    throw refused(`"${quoted(text)}" is not a requirement that install_package takes`);
  }
  const marker = parts["marker"]?.trim();
  if (marker !== undefined && !MARKER.test(marker)) {
    throw refused(`"${quoted(text)}" has a marker that install_package does not take`);
  }
  const extras = list(parts["extras"]).map(normalizedName);
  const clauses = list(parts["plain"] ?? parts["inner"]).map((clause) => clause.replaceAll(" ", ""));
  const normalized = normalizedName(name);
  return {
    name: normalized,
    text: `${normalized}${extras.length === 0 ? "" : `[${extras.sort().join(",")}]`}${
      clauses.sort().join(",")
    }${marker === undefined ? "" : ` ; ${marker.replaceAll(/ +/g, " ")}`}`,
  };
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(",").map((part) => part.trim());
}

/** A text for a message: printable ASCII, cut if it is long. */
function quoted(text: string): string {
  const shown = text.replaceAll(/[^\x20-\x7e]/g, "?");
  return shown.length <= 80 ? shown : `${shown.slice(0, 80)}…" (${text.length} characters) "`;
}

function refused(message: string, next = ALLOWED): OmcpError {
  return new OmcpError("invalid_argument", message, { state: "Nothing was installed.", next });
}
