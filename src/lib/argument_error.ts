/** Describes invalid arguments so that a model can correct them: where, what was received, what is allowed. */
import * as z from "zod";
import { type ArgumentIssue, OmcpError } from "../errors.ts";
import { argumentPath } from "./argument_path.ts";
import { closestNames, synonymOf } from "./closest_names.ts";
import { givenSchema } from "./given_schema.ts";

const MAX_ISSUES = 10;
const RECEIVED_CHARACTERS = 80;
/** Characters of an unknown key that an error repeats: more than any real key has. */
const KEY_CHARACTERS = 64;

/** A list of at most this many choices is always shown whole. */
const SHORT_LIST = 16;

/** Refused arguments, and the schema that refused them. */
export interface RefusedInput {
  readonly schema: z.core.$ZodType;
  /** The arguments as the schema saw them. */
  readonly input: unknown;
  /** Says what to use in place of an argument, or of a field such as `aggregates.as`, that does not exist. */
  readonly unknownArgument?: (name: string) => string | undefined;
}

type Path = readonly PropertyKey[];

/**
 * Builds the error of refused arguments.
 *
 * @param error What the schema found.
 * @param refused The schema and the arguments.
 * @returns `invalid_argument`, with a line for each issue, at most ten.
 */
export function argumentError(error: z.ZodError, refused: RefusedInput): OmcpError {
  const issues = argumentIssues(error, refused);
  const lines = issues.slice(0, MAX_ISSUES).map(({ path, message }) =>
    path === "" ? message : `${path}: ${message}`
  );
  if (issues.length > MAX_ISSUES) lines.push(`and ${issues.length - MAX_ISSUES} more`);
  return new OmcpError("invalid_argument", lines.join("\n"), {
    state: "Nothing was done.",
    next: "Correct the arguments and call again.",
    details: { issues: issues.slice(0, MAX_ISSUES) },
  });
}

/**
 * Describes what is wrong with refused arguments.
 *
 * @param error What the schema found.
 * @param refused The schema and the arguments.
 */
export function argumentIssues(error: z.ZodError, refused: RefusedInput): readonly ArgumentIssue[] {
  return relevantIssues(error.issues).map(({ path, issue }) => ({
    path: argumentPath(path),
    code: issue.code,
    message: describe(path, issue, refused),
  }));
}

interface PlacedIssue {
  readonly path: Path;
  readonly issue: z.core.$ZodIssue;
}

/** Keeps one issue for a value of the wrong type and, for a union, only the issues of the alternative that the caller clearly meant. */
function relevantIssues(issues: readonly z.core.$ZodIssue[], base: Path = []): PlacedIssue[] {
  const placed = issues.flatMap(function place(issue): PlacedIssue[] {
    const path = [...base, ...issue.path];
    if (issue.code !== "invalid_union") return [{ path, issue }];
    const meant = issue.errors.find((branch) =>
      branch.length > 0 &&
      !branch.some((inner) => inner.path.length === 0 && inner.code.startsWith("invalid_"))
    );
    return meant === undefined ? [{ path, issue }] : relevantIssues(meant, path);
  });
  const mistyped = new Set(
    placed.filter(({ issue }) => issue.code === "invalid_type").map(({ path }) => argumentPath(path)),
  );
  return placed.filter(({ path, issue }) =>
    issue.code === "invalid_type" || !mistyped.has(argumentPath(path))
  );
}

function describe(path: Path, issue: z.core.$ZodIssue, refused: RefusedInput): string {
  const value = valueAt(refused.input, path);
  if (value === undefined && issue.code !== "unrecognized_keys" && issue.code !== "custom") {
    return issue.code === "invalid_value" ? `is required; ${choices(issue.values)}` : "is required";
  }
  const received = `received ${valueText(value)}`;
  switch (issue.code) {
    case "invalid_key":
      return issue.issues[0]?.message ?? "is not an allowed name";
    case "unrecognized_keys":
      return unknownKeys(path, issue.keys, refused);
    case "invalid_value":
      return `${choices(issue.values, value)}; ${received}`;
    case "invalid_type":
    case "invalid_union":
      return `must be ${shapes(issue, allowedKeys(refused.schema, path))}; ${received}`;
    case "invalid_format":
      return `${FORMATS.get(issue.format) ?? issue.message}; ${received}`;
    case "too_small":
      return `must ${bound(issue.origin, "at least", issue.minimum)}; ${received}`;
    case "too_big":
      return `must ${bound(issue.origin, "at most", issue.maximum)}; ${received}`;
    default:
      return `${issue.message}; ${received}`;
  }
}

function unknownKeys(path: Path, keys: readonly string[], { schema, unknownArgument }: RefusedInput): string {
  const allowed = allowedKeys(schema, path);
  const named = keys.map(function nameKey(key) {
    const fields = path.filter((part) => typeof part === "string");
    const hint = unknownArgument?.([...fields, key].join(".").toLowerCase()) ??
      closestNames(key, allowed).map((name) => `did you mean ${name}?`)[0];
    return JSON.stringify(key.slice(0, KEY_CHARACTERS)) + (hint === undefined ? "" : ` (${hint})`);
  });
  const what = path.length === 0 ? "argument" : "field";
  return `unknown ${what} ${named.slice(0, MAX_ISSUES).join(", ")}; allowed: ${allowed.join(", ") || "none"}`;
}

/** The keys of the object that a path leads to. */
function allowedKeys(argument: z.core.$ZodType, path: Path): string[] {
  const schema = givenSchema(argument);
  if (schema instanceof z.ZodUnion) {
    return schema.options.map((option) => allowedKeys(option, path)).find((keys) => keys.length > 0) ?? [];
  }
  if (schema instanceof z.ZodArray) {
    return path.length === 0 ? [] : allowedKeys(schema.element, path.slice(1));
  }
  if (!(schema instanceof z.ZodObject)) return [];
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(schema.shape);
  const field: z.core.$ZodType | undefined = schema.shape[String(first)];
  return field === undefined ? [] : allowedKeys(field, rest);
}

/** The choices; of a long list only those that resemble the value, if any do. */
function choices(values: readonly unknown[], value?: unknown): string {
  const names = values.map(String);
  const close = typeof value === "string" ? meantBy(value, names) : [];
  const guess = close.length > 0 ? ` (did you mean ${close.join(" or ")}?)` : "";
  if (guess !== "" && names.length > SHORT_LIST) {
    return `must be one of the ${names.length} in its schema${guess}`;
  }
  return `must be one of ${names.join(", ")}${guess}`;
}

function meantBy(value: string, names: readonly string[]): readonly string[] {
  const synonym = synonymOf(value, names);
  if (synonym !== undefined) return [synonym];
  return value.length >= 3 ? closestNames(value, names) : [];
}

/** The types that the schema accepts, an object's with its fields. */
function shapes(issue: z.core.$ZodIssue, keys: readonly string[]): string {
  const fields = keys.length > 0 ? ` with ${keys.join(", ")}` : "";
  return [...new Set(expected(issue))].map((type) => type === OBJECT ? type + fields : type).join(" or ");
}

/** The types that the schema accepts. */
function expected(issue: z.core.$ZodIssue): string[] {
  if (issue.code === "invalid_union") return issue.errors.flat().flatMap(expected);
  return issue.code === "invalid_type" ? [TYPES.get(issue.expected) ?? `of type ${issue.expected}`] : [];
}

const OBJECT = "an object";
const TYPES: ReadonlyMap<string, string> = new Map([
  ["string", "a string"],
  ["number", "a finite number"],
  ["int", "an integer"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", OBJECT],
  ["record", OBJECT],
  ["null", "null"],
]);

/** What a text of a format must be; a pattern has a message of its own. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", "must be a date that exists, as YYYY-MM-DD"],
]);

function bound(origin: string, least: string, limit: number | bigint): string {
  if (origin === "string") return `have ${least} ${limit} ${limit === 1 ? "character" : "characters"}`;
  return origin === "array"
    ? `have ${least} ${limit} ${limit === 1 ? "item" : "items"}`
    : `be ${least} ${limit}`;
}

/** The value that a path leads to; undefined if it leads nowhere. */
function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(function step(at, key) {
    return typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  }, input);
}

/** A value in few characters, so that its sender recognizes it. */
function valueText(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (Array.isArray(value) && value.length > RECEIVED_CHARACTERS / 8) {
    return `a list of ${value.length} items`;
  }
  if (typeof value === "string" && value.length > RECEIVED_CHARACTERS) {
    return `a string of ${value.length} characters`;
  }
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= RECEIVED_CHARACTERS ? text : `${text.slice(0, RECEIVED_CHARACTERS - 1)}…`;
}
